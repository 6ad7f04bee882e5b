#include <stddef.h>

/// Bytes of the heap in use in all arenas (mallinfo(3)), which Glibc's Swift module leaves out.
size_t genai_heap_bytes(void);
