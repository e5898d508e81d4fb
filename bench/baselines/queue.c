/*
 * The queue workload of bench/workload.ts as a native device would run it: a split virtqueue, every index, address and
 * length from the ring checked before use. Build: cc -O2 -std=c11 queue.c; run: ./queue BATCHES.
 * Prints million chains per second, the checksum and how far the used index moved.
 */
#define _POSIX_C_SOURCE 199309L
#include <inttypes.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { QUEUE_SIZE = 256, BATCH = 64, PER_CHAIN = 3, HEADER_BYTES = 16, DATA_BYTES = 512 };
enum { DESCRIPTOR_TABLE = 0x10000, AVAILABLE_RING = 0x11000, USED_RING = 0x12000 };
enum { HEADERS = 0x20000, DATA = 0x30000, STATUS = 0x40000, GUEST_BYTES = 0x100000 };
enum { F_NEXT = 1, F_WRITE = 2, NO_INTERRUPT = 1 };

struct descriptor { uint64_t address; uint32_t length; uint16_t flags, next; };
struct available { uint16_t flags, index, ring[QUEUE_SIZE]; };
struct used_element { uint32_t id, length; };
struct used { uint16_t flags, index; struct used_element ring[QUEUE_SIZE]; };

struct device {
  uint8_t *guest;
  uint64_t guest_bytes;
  struct descriptor *table;
  struct available *available;
  struct used *used;
  uint16_t last_available, next_used;
  uint8_t buffer[HEADER_BYTES + DATA_BYTES];
};

/* A chain that was walked and checked; a request has a readable part and one writable status byte at the end. */
struct chain { uint16_t head, readable, count; struct descriptor parts[QUEUE_SIZE]; };

static bool walk(const struct device *device, uint16_t head, struct chain *chain) {
  uint16_t index = head;
  bool writable = false;
  chain->head = head;
  chain->readable = chain->count = 0;
  for (;;) {
    if (index >= QUEUE_SIZE || chain->count == QUEUE_SIZE) return false;
    struct descriptor part = device->table[index];
    if (part.address > device->guest_bytes || part.length > device->guest_bytes - part.address) return false;
    if (part.flags & F_WRITE) writable = true;
    else if (writable) return false;
    else chain->readable++;
    chain->parts[chain->count++] = part;
    if (!(part.flags & F_NEXT)) return true;
    index = part.next;
  }
}

static bool serve(struct device *device, const struct chain *chain, uint64_t *checksum) {
  uint32_t got = 0;
  for (uint16_t i = 0; i < chain->readable; i++) {
    const struct descriptor *part = &chain->parts[i];
    if (part->length > sizeof device->buffer - got) return false;
    memcpy(device->buffer + got, device->guest + part->address, part->length);
    got += part->length;
  }
  const struct descriptor *status = &chain->parts[chain->count - 1];
  if (got <= HEADER_BYTES || chain->readable == chain->count || status->length < 1) return false;
  *checksum += device->buffer[0] + device->buffer[got - 1];
  device->guest[status->address] = 0;
  return true;
}

static bool run_batch(struct device *device, uint64_t *checksum) {
  static struct chain chain;
  uint16_t available = atomic_load_explicit((_Atomic uint16_t *)&device->available->index, memory_order_acquire);
  if ((uint16_t)(available - device->last_available) > QUEUE_SIZE) return false;
  while (device->last_available != available) {
    uint16_t head = device->available->ring[device->last_available++ % QUEUE_SIZE];
    if (!walk(device, head, &chain) || !serve(device, &chain, checksum)) return false;
    device->used->ring[device->next_used++ % QUEUE_SIZE] = (struct used_element){head, 1};
  }
  atomic_store_explicit((_Atomic uint16_t *)&device->used->index, device->next_used, memory_order_release);
  return true;
}

static void expose_batch(struct available *available) {
  uint16_t index = available->index;
  for (uint16_t chain = 0; chain < BATCH; chain++) available->ring[(index + chain) % QUEUE_SIZE] = chain * PER_CHAIN;
  atomic_store_explicit((_Atomic uint16_t *)&available->index, (uint16_t)(index + BATCH), memory_order_release);
}

static void build_chains(struct device *device) {
  for (int chain = 0; chain < BATCH; chain++) {
    struct descriptor *part = &device->table[chain * PER_CHAIN];
    uint16_t head = (uint16_t)(chain * PER_CHAIN);
    part[0] = (struct descriptor){HEADERS + chain * HEADER_BYTES, HEADER_BYTES, F_NEXT, head + 1};
    part[1] = (struct descriptor){DATA + chain * DATA_BYTES, DATA_BYTES, F_NEXT, head + 2};
    part[2] = (struct descriptor){STATUS + chain, 1, F_WRITE, 0};
    device->guest[part[0].address] = (uint8_t)chain;
    for (int at = 0; at < DATA_BYTES; at++) device->guest[part[1].address + at] = (uint8_t)(chain * 7 + at);
  }
  device->available->flags = NO_INTERRUPT;
}

static double seconds(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

int main(int argc, char **argv) {
  unsigned long batches = argc > 1 ? strtoul(argv[1], NULL, 10) : 100000;
  static struct device device;
  device.guest = aligned_alloc(4096, GUEST_BYTES);
  if (device.guest == NULL) return 1;
  memset(device.guest, 0, GUEST_BYTES);
  device.guest_bytes = GUEST_BYTES;
  device.table = (struct descriptor *)(device.guest + DESCRIPTOR_TABLE);
  device.available = (struct available *)(device.guest + AVAILABLE_RING);
  device.used = (struct used *)(device.guest + USED_RING);
  build_chains(&device);

  uint64_t checksum = 0;
  double started = seconds();
  for (unsigned long batch = 0; batch < batches; batch++) {
    expose_batch(device.available);
    if (!run_batch(&device, &checksum)) {
      fputs("the device rejected a chain\n", stderr);
      return 1;
    }
  }
  double rate = (double)batches * BATCH / (seconds() - started) / 1e6;
  printf("%.3f %" PRIu64 " %u\n", rate, checksum, (unsigned)device.used->index);
  return 0;
}
