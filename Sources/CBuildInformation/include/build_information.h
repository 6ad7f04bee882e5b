#pragma once

/// The git commit this binary was built from, or "unknown".
const char *genai_build_revision(void);
