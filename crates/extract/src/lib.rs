//! Bytes in, typed batches and rejections out; the practice-side package
