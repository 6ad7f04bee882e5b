// Serves the series of an exposition with client_golang, for a benchmark.
//
// The metrics are created once and collected unchanged: the minimum work of an exporter based on this library.
package main

import (
	"flag"
	"log"
	"net/http"
	"os"
	"runtime/debug"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
)

// page is a collector of precomputed metrics. It describes none of them, so that series of one family may lack a label.
type page []prometheus.Metric

func (page) Describe(chan<- *prometheus.Desc) {}

func (metrics page) Collect(out chan<- prometheus.Metric) {
	for _, metric := range metrics {
		out <- metric
	}
}

// descriptions has one description for all series of a family with the same label names.
type descriptions map[string]*prometheus.Desc

func (known descriptions) of(family *dto.MetricFamily, names []string) *prometheus.Desc {
	key := family.GetName()
	for _, name := range names {
		key += "\xff" + name
	}
	if known[key] == nil {
		known[key] = prometheus.NewDesc(family.GetName(), family.GetHelp(), names, nil)
	}
	return known[key]
}

func metric(of *dto.Metric, family *dto.MetricFamily, known descriptions) prometheus.Metric {
	var names, values []string
	for _, label := range of.Label {
		names = append(names, label.GetName())
		values = append(values, label.GetValue())
	}
	description := known.of(family, names)
	switch family.GetType() {
	case dto.MetricType_COUNTER:
		return prometheus.MustNewConstMetric(
			description, prometheus.CounterValue, of.Counter.GetValue(), values...)
	case dto.MetricType_HISTOGRAM:
		buckets := map[float64]uint64{}
		for _, bucket := range of.Histogram.Bucket {
			buckets[bucket.GetUpperBound()] = bucket.GetCumulativeCount()
		}
		return prometheus.MustNewConstHistogram(
			description, of.Histogram.GetSampleCount(), of.Histogram.GetSampleSum(), buckets, values...)
	default:
		return prometheus.MustNewConstMetric(description, prometheus.GaugeValue, of.Gauge.GetValue(), values...)
	}
}

func read(path string) page {
	file, err := os.Open(path)
	if err != nil {
		log.Fatal(err)
	}
	defer file.Close()
	var parser expfmt.TextParser
	families, err := parser.TextToMetricFamilies(file)
	if err != nil {
		log.Fatal(err)
	}
	var metrics page
	known := descriptions{}
	for _, family := range families {
		for _, series := range family.Metric {
			metrics = append(metrics, metric(series, family, known))
		}
	}
	return metrics
}

func main() {
	path := flag.String("page", "", "a file in the text format 0.0.4")
	address := flag.String("listen", "127.0.0.1:0", "host:port")
	flag.Parse()
	registry := prometheus.NewRegistry()
	registry.MustRegister(read(*path))
// The memory for reading the file does not count as an exporter's.
	debug.FreeOSMemory()
	http.Handle("/metrics", promhttp.HandlerFor(registry, promhttp.HandlerOpts{}))
	log.Fatal(http.ListenAndServe(*address, nil))
}
