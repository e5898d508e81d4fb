/*
 * The least that answers a vfio-user client: the version, and reads of registers that are all 0. One client, no errors.
 * usage: vfio-server SOCKET
 */
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

struct header {
  uint16_t id, command;
  uint32_t size, flags, error;
};

static uint8_t in[1 << 16], out[1 << 16];

static int whole(int fd, uint8_t *to, size_t want) {
  for (size_t have = 0; have < want;) {
    ssize_t got = recv(fd, to + have, want - have, 0);
    if (got <= 0) return 0;
    have += (size_t)got;
  }
  return 1;
}

int main(int argc, char **argv) {
  struct sockaddr_un address = {.sun_family = AF_UNIX};
  if (argc != 2) return 2;
  strncpy(address.sun_path, argv[1], sizeof address.sun_path - 1);
  int listening = socket(AF_UNIX, SOCK_STREAM, 0);
  if (bind(listening, (void *)&address, sizeof address) != 0 || listen(listening, 1) != 0) return 1;
  puts("ready");
  fflush(stdout);
  int fd = accept(listening, 0, 0);
  for (;;) {
    /* A client that waits for each answer sends one message at a time. */
    ssize_t got = recv(fd, in, sizeof in, 0);
    if (got <= 0) return 0;
    struct header *asked = (void *)in, *answer = (void *)out;
    if ((size_t)got < asked->size && !whole(fd, in + got, asked->size - (size_t)got)) return 0;
    *answer = (struct header){asked->id, asked->command, sizeof *answer, 1, 0};
    if (asked->command == 1) {
      memset(out + sizeof *answer, 0, 4);
      answer->size += 4;
    } else if (asked->command == 9) {
      uint32_t count;
      memcpy(&count, in + sizeof *asked + 12, 4);
      memcpy(out + sizeof *answer, in + sizeof *asked, 16);
      memset(out + sizeof *answer + 16, 0, count);
      answer->size += 16 + count;
    }
    if (send(fd, out, answer->size, 0) < 0) return 0;
  }
}
