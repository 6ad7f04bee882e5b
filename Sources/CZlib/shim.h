#include <zlib.h>

/// `deflateInit2` is a macro, which Swift does not import: raw deflate (no zlib or gzip frame) at `level`.
static inline int czlib_deflate_init_raw(z_stream *stream, int level) {
    return deflateInit2(stream, level, Z_DEFLATED, -MAX_WBITS, 8, Z_DEFAULT_STRATEGY);
}
