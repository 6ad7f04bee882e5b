#include "build_information.h"

#ifndef GENAI_REVISION
#define GENAI_REVISION "unknown"
#endif

const char *genai_build_revision(void) { return GENAI_REVISION; }
