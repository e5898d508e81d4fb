/*
 * How much one command of a disk may ask for, as its block limits page says: bounds on the work that a guest can cause
 * with a few bytes.
 */

/** Logical blocks that one WRITE SAME writes. */
export const MAX_WRITE_SAME_BLOCKS = 0xffff;
/** Descriptors of one UNMAP, and logical blocks in all of them. */
export const MAX_UNMAP_DESCRIPTORS = 255;
export const MAX_UNMAP_BLOCKS = 0x400000;
