import { group, integer, list, optional, record, shape, u32, u53 } from '../../core/index.ts';

/** `shape` is the pool: its first address, and how many. */
export const dhcpState = record(
  'dhcp-server',
  1,
  {
    shape,
    /** In the order in which they were given; `client` is a hardware address as a Number, -1 where somebody else sits. */
    leases: list(group({ address: u32, client: integer(-1, 2 ** 48 - 1) })),
  },
  {
    relate({ shape: { first, count }, leases }, expect) {
      const [taken, clients] = [new Set<number>(), new Set<number>()];
      for (const [i, { address, client }] of leases.entries()) {
        const inPool = address >= Number(first) && address < Number(first) + Number(count);
        expect(inPool && !taken.has(address), `leases[${i}].address`, address, 'one of the pool, once');
        expect(!clients.has(client), `leases[${i}].client`, client, 'a client with one address');
        taken.add(address);
        if (client >= 0) clients.add(client);
      }
    },
  },
);

export const responderState = record('responder', 1, {
  dhcp: optional(dhcpState),
  counts: group({
    arp: u53,
    echo: u53,
    dhcp: u53,
    udpEcho: u53,
    discardedBytes: u53,
    ignored: u53,
  }),
});
