/** Clauses that bind devices and cannot be seen from the bus, or not without a device's help: why not. In the catalogue's order. */
export const unobservable: Readonly<Record<string, string>> = {};
