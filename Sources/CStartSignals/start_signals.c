#include "start_signals.h"

#include <signal.h>
#include <stdatomic.h>
#include <string.h>
#include <unistd.h>

// A service manager considers the exporter started as soon as the program is loaded, and may send SIGHUP or SIGTERM. By
// default SIGHUP would end the process, and SIGTERM would end it with a failure. These handlers are installed before
// Swift's runtime starts, and replaced once there is a configuration to reload and a ledger to close.

// Atomic: the handler may run in any thread.
static atomic_bool has_early_hangup;

static void note_hangup(int signal) {
    (void)signal;
    atomic_store(&has_early_hangup, true);
}

static void stop(int signal) {
    (void)signal;
    _exit(0);
}

static void handle(int signal, void (*handler)(int)) {
    struct sigaction action = {.sa_handler = handler, .sa_flags = SA_RESTART};
    sigemptyset(&action.sa_mask);
    sigaction(signal, &action, NULL);
}

static bool is_test_bundle(const char *program) {
    const char *suffix = ".xctest";
    size_t length = strlen(program), end = strlen(suffix);
    return length >= end && strcmp(program + length - end, suffix) == 0;
}

__attribute__((constructor)) static void install(int count, char **arguments) {
    // Test bundles link this too, and a terminated test run must not report success.
    if (count < 1 || is_test_bundle(arguments[0])) return;
    const char *command = count > 1 ? arguments[1] : "serve";
    // `serve` is the default, also if only its flags are given.
    bool serves = command[0] == '-' || strcmp(command, "serve") == 0;
    if (!serves && strcmp(command, "demo") != 0) return;
    handle(SIGHUP, serves ? note_hangup : stop);
    handle(SIGTERM, stop);
    handle(SIGINT, stop);
}

bool genai_take_early_hangup(void) {
    return atomic_exchange(&has_early_hangup, false);
}
