import { putProgram, word32 } from './small-program.ts';

const AF_VSOCK = 40;
const ADDRESS_BYTES = 16;
const BUFFER_BYTES = 0x10000;
/** System calls of a 32-bit x86 Linux. */
const [EXIT, FORK, READ, WRITE, CLOSE, WAIT] = [1, 2, 3, 4, 6, 7];
const [SOCKET, BIND, CONNECT, LISTEN, ACCEPT4, SHUTDOWN] = [359, 361, 362, 363, 364, 373];

const call = (number: number) => [0xb8, ...word32(number), 0xcd, 0x80]; // mov eax, number; int 0x80
/** test eax, eax; js, so many bytes on. */
const unless = (bytes: number) => [0x85, 0xc0, 0x78, bytes];

/*
 * A program for the guest, whose busybox knows no such sockets: `vsock c1 PORT` connects a stream to a port of the host's,
 * `vsock l1 PORT` listens to one and takes one connection; with 5 in place of 1 it is a seqpacket socket. It copies its
 * input to the socket, and shuts that down for sending at the end; and from the socket to its output until the other side
 * sends no more. Its exit status is 0, or the error.
 */
const code: readonly number[] = [
  ...[0x8b, 0x74, 0x24, 0x08, 0x8b, 0x7c, 0x24, 0x0c], // mov esi, [esp + 8]; mov edi, [esp + 12]: the arguments
  ...[0x31, 0xed], // xor ebp, ebp: the port
  // digit:
  ...[0x0f, 0xb6, 0x07, 0x83, 0xe8, 0x30, 0x72, 0x08], // movzx eax, [edi]; sub eax, '0'; jb socket
  ...[0x6b, 0xed, 0x0a, 0x01, 0xc5, 0x47, 0xeb, 0xf0], // imul ebp, 10; add ebp, eax; inc edi; jmp digit
  // socket:
  ...[0xbb, ...word32(AF_VSOCK)], // mov ebx, AF_VSOCK
  ...[0x0f, 0xb6, 0x4e, 0x01, 0x83, 0xe1, 0x0f, 0x31, 0xd2], // movzx ecx, [esi + 1]; and ecx, 15; xor edx, edx
  ...[...call(SOCKET!), ...unless(0x79)], // js fail
  ...[0x89, 0xc3], // mov ebx, eax
  ...[0x6a, 0x00, 0x80, 0x3e, 0x63, 0x75, 0x19], // push 0; cmp [esi], 'c'; jne listen
  ...[0x6a, 0x02, 0x55, 0x6a, AF_VSOCK, 0x89, 0xe1], // push the host; push ebp; push AF_VSOCK; mov ecx, esp
  ...[0xba, ...word32(ADDRESS_BYTES)], // mov edx, the address's bytes
  ...[...call(CONNECT!), ...unless(0x59)], // js fail
  ...[0xeb, 0x36], // jmp connected
  // listen:
  ...[0x6a, 0xff, 0x55, 0x6a, AF_VSOCK, 0x89, 0xe1], // push anybody; push ebp; push AF_VSOCK; mov ecx, esp
  ...[0xba, ...word32(ADDRESS_BYTES)], // mov edx, the address's bytes
  ...[...call(BIND!), ...unless(0x40)], // js fail
  ...[0xb9, ...word32(1), ...call(LISTEN!)], // mov ecx, 1
  ...[0x31, 0xc9, 0x31, 0xd2, 0x31, 0xf6], // xor ecx, ecx; xor edx, edx; xor esi, esi
  ...[...call(ACCEPT4!), ...unless(0x23)], // js fail
  ...[0x89, 0xc3], // mov ebx, eax
  // connected:
  ...[0x89, 0xdd, 0x81, 0xec, ...word32(BUFFER_BYTES)], // mov ebp, ebx; sub esp, the buffer's bytes
  ...[...call(FORK!), 0x85, 0xc0, 0x74, 0x19], // test eax, eax; je child
  ...[0x89, 0xee, 0xbf, ...word32(1)], // mov esi, ebp; mov edi, standard output
  ...[0xe8, ...word32(0x54), 0xeb, 0x32], // call copy; jmp wait
  // fail:
  ...[0xf7, 0xd8, 0x89, 0xc3, ...call(EXIT!)], // neg eax; mov ebx, eax
  // child: its parent's output ends with its parent
  ...[0xbb, ...word32(1), ...call(CLOSE!)], // mov ebx, standard output
  ...[0x31, 0xf6, 0x89, 0xef], // xor esi, esi: standard input; mov edi, ebp
  ...[0xe8, ...word32(0x32)], // call copy
  ...[0x89, 0xeb, 0xb9, ...word32(1), ...call(SHUTDOWN!)], // mov ebx, ebp; mov ecx, SHUT_WR
  ...[0x31, 0xc0, 0xeb, 0xce], // xor eax, eax; jmp fail
  // wait, for the child:
  ...[0x89, 0xc7, 0xbb, ...word32(1), ...call(CLOSE!)], // mov edi, eax; mov ebx, standard output
  ...[0x83, 0xcb, 0xff, 0x31, 0xc9, 0x31, 0xd2, ...call(WAIT!)], // or ebx, -1; xor ecx, ecx; xor edx, edx
  ...[0x89, 0xf8, 0xeb, 0xae], // mov eax, edi; jmp fail
  // copy, from file esi to file edi:
  ...[0x8d, 0x4c, 0x24, 0x04, 0x89, 0xf3], // lea ecx, [esp + 4]; mov ebx, esi
  ...[0xba, ...word32(BUFFER_BYTES), ...call(READ!)], // mov edx, the buffer's bytes
  ...[0x85, 0xc0, 0x7e, 0x17, 0x89, 0xc2], // test eax, eax; jle done; mov edx, eax
  // write:
  ...[0x89, 0xfb, ...call(WRITE!), ...unless(0x08)], // mov ebx, edi; js done
  ...[0x01, 0xc1, 0x29, 0xc2, 0x75, 0xed, 0xeb, 0xd3], // add ecx, eax; sub edx, eax; jne write; jmp copy
  // done:
  0xc3, // ret
];

/** A shell command that puts the program into a file. */
export const vsockTool = (path: string): string => putProgram(code, path);
