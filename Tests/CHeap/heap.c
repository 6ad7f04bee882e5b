#include "heap.h"
#include <malloc.h>

size_t genai_heap_bytes(void) {
    struct mallinfo2 heap = mallinfo2();
    return heap.uordblks + heap.hblkhd;
}
