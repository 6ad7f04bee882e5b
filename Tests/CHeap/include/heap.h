#include <stddef.h>

/// Heap bytes in use in all arenas (mallinfo(3)), which Swift's Glibc module does not import.
size_t genai_heap_bytes(void);
