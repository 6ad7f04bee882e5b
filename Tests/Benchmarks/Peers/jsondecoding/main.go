// Decodes recorded responses with encoding/json into the fields that the exporter reads, and prints time and memory:
// PROVIDER FOLDER.
package main

import (
	"encoding/json"
	"fmt"
	"log"
	"os"
	"path/filepath"
	"sort"
	"strconv"
	"strings"
	"time"
)

// generation is a row of useapi.net's statistics.
type generation struct {
	Config           *string  `json:"config"`
	Endpoint         *string  `json:"endpoint"`
	Code             *int     `json:"code"`
	Milliseconds     *float64 `json:"msec"`
	Model            *string  `json:"model"`
	CaptchaProviders *string  `json:"captchaProviders"`
	CaptchaRetries   *float64 `json:"captchaRetry"`
	Tier             *string  `json:"tier"`
	Plan             *string  `json:"sku"`
}

// charge is a row of Venice.ai's billing.
type charge struct {
	Timestamp *time.Time `json:"timestamp"`
	Product   *string    `json:"sku"`
	Units     *float64   `json:"units"`
	Amount    *float64   `json:"amount"`
	Currency  *string    `json:"currency"`
	Notes     *string    `json:"notes"`
	Details   *struct {
		RequestID        *string  `json:"requestId"`
		PromptTokens     *float64 `json:"promptTokens"`
		CompletionTokens *float64 `json:"completionTokens"`
		Milliseconds     *float64 `json:"inferenceExecutionTime"`
	} `json:"inferenceDetails"`
}

// decode reads responses whose rows have one type, and returns the number of rows.
func decode[Row any](files []string) int {
	rows := 0
	for _, file := range files {
		bytes, err := os.ReadFile(file)
		if err != nil {
			log.Fatal(err)
		}
		var response struct {
			Data []Row `json:"data"`
		}
		if err := json.Unmarshal(bytes, &response); err != nil {
			log.Fatal(err)
		}
		rows += len(response.Data)
	}
	return rows
}

// memory reads a line of /proc/self/status, in bytes.
func memory(name string) int {
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		log.Fatal(err)
	}
	for _, line := range strings.Split(string(status), "\n") {
		if fields := strings.Fields(line); len(fields) > 1 && fields[0] == name+":" {
			kilobytes, _ := strconv.Atoi(fields[1])
			return kilobytes * 1024
		}
	}
	return 0
}

func main() {
	files, err := filepath.Glob(filepath.Join(os.Args[2], "*.json"))
	if err != nil {
		log.Fatal(err)
	}
	sort.Strings(files)
	start, begun, rows := memory("VmRSS"), time.Now(), 0
	if os.Args[1] == "venice" {
		rows = decode[charge](files)
	} else {
		rows = decode[generation](files)
	}
	seconds := time.Since(begun).Seconds()
	if rows == 0 {
		log.Fatal("no rows were decoded")
	}
	fmt.Printf("{\"seconds\": %f, \"peakBytes\": %d}\n", seconds, memory("VmHWM")-start)
}
