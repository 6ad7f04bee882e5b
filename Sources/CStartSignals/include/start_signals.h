#ifndef GENAI_START_SIGNALS_H
#define GENAI_START_SIGNALS_H

#include <stdbool.h>

/// Whether SIGHUP arrived since the start of the process, or since the last call, while no other handler was installed.
bool genai_take_early_hangup(void);

#endif
