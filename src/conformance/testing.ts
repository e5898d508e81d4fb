/**
 * fast-check arbitraries for those who test a driver, a device or a hypervisor: the subpath `virtiolab/testing`.
 * Importing it throws FastCheckMissingError where the optional peer dependency fast-check is not installed.
 */
export * from './testing/accesses.ts';
export * from './testing/block-requests.ts';
export * from './testing/orders.ts';
export * from './testing/packed-scribe.ts';
export * from './testing/rings.ts';
export * from './testing/scribe.ts';
