export { type QemuBootSectorOptions, qemuBootSector } from './boot-sector.ts';
export * from './errors.ts';
export { fetchedQemu, type QemuCommand } from './fetched-qemu.ts';
export * from './guest-pieces.ts';
export * from './linux.ts';
export * from './machine.ts';
export { optionRomFor } from './option-rom.ts';
export { findQemu, type QemuProgram, tryQemu } from './program.ts';
export { Qmp, type QmpEvent, type QmpOptions } from './qmp.ts';
