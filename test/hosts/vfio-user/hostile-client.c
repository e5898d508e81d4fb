/*
 * A client that means harm, on threads of its own: it shares memory with the server and rewrites rings, descriptors and
 * buffers while the device works with them, sends half messages, wrong sizes and descriptors of anything, and dies anywhere.
 * usage: hostile-client SOCKET SEED SESSIONS. The device is a legacy one in an I/O BAR 0, as serve --window io-bar has it.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

enum { VERSION = 1, DMA_MAP = 2, REGION_READ = 9, REGION_WRITE = 10 };
enum { MEMORY = 1 << 18, RING = 0x10000 };

static uint64_t state;
static uint32_t dice(uint32_t sides)
{
	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return (uint32_t)(state >> 33) % sides;
}

struct header {
	uint16_t id, command;
	uint32_t size, flags, error;
};

static int sock;

/* Sends a message whose header says `size` bytes, with `count` descriptors of one file. */
static int put(uint16_t command, const void *payload, uint32_t length, uint32_t size, uint32_t flags, int fd, int count)
{
	struct header head = { (uint16_t)dice(65536), command, size, flags, 0 };
	struct iovec parts[2] = { { &head, sizeof head }, { (void *)payload, length } };
	union {
		struct cmsghdr align;
		char bytes[CMSG_SPACE(32 * sizeof(int))];
	} control;
	struct msghdr message = { .msg_iov = parts, .msg_iovlen = length ? 2 : 1 };
	if (count > 0) {
		message.msg_control = &control;
		message.msg_controllen = CMSG_SPACE(count * sizeof(int));
		struct cmsghdr *c = CMSG_FIRSTHDR(&message);
		c->cmsg_level = SOL_SOCKET;
		c->cmsg_type = SCM_RIGHTS;
		c->cmsg_len = CMSG_LEN(count * sizeof(int));
		for (int i = 0; i < count; i++)
			memcpy(CMSG_DATA(c) + i * sizeof(int), &fd, sizeof(int));
	}
	return sendmsg(sock, &message, MSG_NOSIGNAL) < 0 ? -1 : 0;
}

static int command(uint16_t number, const void *payload, uint32_t length, int fd)
{
	char answer[4096];
	if (put(number, payload, length, sizeof(struct header) + length, 0, fd, fd >= 0) < 0)
		return -1;
	return recv(sock, answer, sizeof answer, 0) > 0 ? 0 : -1;
}

static int write_register(uint32_t region, uint64_t offset, uint32_t value, uint32_t width)
{
	struct {
		uint64_t offset;
		uint32_t region, count;
		uint32_t value;
	} __attribute__((packed)) request = { offset, region, width, value };
	return command(REGION_WRITE, &request, 16 + width, -1);
}

static volatile int stop;
static uint8_t *memory;

/* Rewrites what the device may be looking at. */
static void *scribble(void *unused)
{
	static const uint32_t edges[] = { 0, 1, 7, 8, 0x7fff, 0xffff, 0x20000, 0x7fffffff, 0xfffff000, 0xffffffff };
	uint64_t own = state ^ 0x9e3779b97f4a7c15ull;
	while (!stop) {
		own = own * 6364136223846793005ull + 1442695040888963407ull;
		uint32_t at = (uint32_t)(own >> 33) % 0x2000 & ~3u;
		uint32_t value = (own >> 20 & 3) ? edges[(own >> 40) % 10] : (uint32_t)(own >> 30);
		*(volatile uint32_t *)(memory + RING + at) = value;
	}
	return unused;
}

static void drive(void)
{
	int fd = memfd_create("hostile", 0);
	if (fd < 0 || ftruncate(fd, MEMORY) < 0)
		return;
	memory = mmap(NULL, MEMORY, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	struct {
		uint32_t argsz, flags;
		uint64_t offset, address, size;
	} map = { 32, 3, 0, 0, MEMORY };
	if (memory == MAP_FAILED || command(DMA_MAP, &map, sizeof map, fd) < 0)
		return;
	pthread_t thread;
	stop = 0;
	pthread_create(&thread, NULL, scribble, NULL);
	write_register(7, 4, 5, 2);
	for (int round = 0; round < 4; round++) {
		write_register(0, 18, 0, 1);
		write_register(0, 18, 3, 1);
		write_register(0, 4, dice(2) ? 0xffffffff : 0, 4);
		write_register(0, 14, 0, 2);
		write_register(0, 8, dice(8) ? RING / 4096 : dice(1 << 20), 4);
		write_register(0, 18, 7, 1);
		for (int i = 0; i < 20; i++)
			if (write_register(0, 16, dice(4) ? 0 : dice(65536), 2) < 0)
				break;
	}
	if (dice(2)) /* while the other thread still writes */
		_exit(0);
	stop = 1;
	pthread_join(thread, NULL);
}

static void shout(void)
{
	uint8_t junk[512];
	int zero = open("/dev/zero", O_RDWR);
	for (int i = 0; i < 30; i++) {
		for (size_t j = 0; j < sizeof junk; j++)
			junk[j] = dice(3) ? 0 : (uint8_t)dice(256);
		uint32_t length = dice(sizeof junk);
		uint32_t size = dice(6) ? 16 + length : dice(2) ? dice(0xffffffff) : 16 + length + dice(64) - 32;
		if (put((uint16_t)dice(21), junk, length, size, dice(4) ? 0 : 1u << dice(7), zero, (int)dice(4)) < 0)
			break;
	}
	if (dice(2))
		send(sock, junk, dice(16), MSG_NOSIGNAL);
}

static void session(const char *path, uint64_t seed)
{
	state = seed * 0x9e3779b97f4a7c15ull + 1;
	dice(2);
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	strncpy(address.sun_path, path, sizeof address.sun_path - 1);
	sock = socket(AF_UNIX, SOCK_STREAM, 0);
	if (connect(sock, (struct sockaddr *)&address, sizeof address) < 0)
		_exit(2);
	static const char version[] = "\0\0\0\0{\"capabilities\":{\"max_msg_fds\":8}}";
	struct timeval limit = { 20, 0 };
	setsockopt(sock, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
	if (dice(8) && command(VERSION, version, sizeof version, -1) < 0)
		_exit(3);
	if (dice(2))
		drive();
	else
		shout();
	_exit(0);
}

int main(int count, char **words)
{
	if (count != 4)
		return 64;
	uint64_t seed = strtoull(words[2], NULL, 10);
	int sessions = atoi(words[3]);
	for (int i = 0; i < sessions; i++) {
		pid_t child = fork();
		if (child == 0)
			session(words[1], seed + i);
		/* Some are killed in the middle of what they do. */
		if (i % 5 == 4) {
			usleep(500 + i * 37 % 2000);
			kill(child, SIGKILL);
		}
		int status;
		waitpid(child, &status, 0);
		if (WIFEXITED(status) && WEXITSTATUS(status) != 0) {
			fprintf(stderr, "session with seed %llu: %d\n", (unsigned long long)(seed + i), WEXITSTATUS(status));
			return 1;
		}
	}
	printf("%d sessions\n", sessions);
	return 0;
}
