/** Clauses that bind devices and cannot be seen from the bus, or not without a device's help: why not. In the catalogue's order. */
export const unobservable: Readonly<Record<string, string>> = {
  // Rings.
  'SPL-DESC-03': 'a permission, and a read leaves nothing behind',
  'SPL-USED-03': 'a permission: more bytes or none, both are right',
  'SPL-SUP-05': 'a permission: what a device does with it is held to SPL-ANS-08 to SPL-ANS-11',
  'PKD-LAY-06': 'a permission: writes that were begun in order may arrive in any',
  // Administration.
  'ADM-14': 'a permission: lists of two groups may differ or not',
  'ADM-19': 'a permission: a list may grow or stay',
  'ADM-22': 'a permission for a device whose firmware was changed, which nobody on the bus does',
  'AVQ-09': 'a permission: commands of two queues may be carried out in any order',
  'AVQ-10':
    'nobody on the bus can bring a device to answer EAGAIN or ENOMEM to a command that would change something',
};
