/* Tries to reach the host from inside an image. For 62-sandbox.t; to be linked statically.
   probe keys: the calls by which keys are reached, in each form this machine has; probe packets: raw sockets.
   A line for each: its name, then "refused" (EPERM), "absent" (ENOSYS) or "done". */
#include <arpa/inet.h>
#include <errno.h>
#include <net/ethernet.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { USER_KEYRING = -4, SESSION_KEYRING = -3, GET_KEYRING_ID = 0, LINK = 8, SEARCH = 10 };

/* The result comes before errno is looked at: the arguments of a function have no order. */
#define tell(name, call) do { long result = (call); say(name, result, errno); } while (0)

static void say(const char *name, long result, int error) {
    printf("%s %s\n", name, result >= 0 ? "done" : error == EPERM ? "refused" : error == ENOSYS ? "absent" : strerror(error));
    fflush(stdout);
}

static void keys(void) {
    tell("add_key", syscall(SYS_add_key, "user", "stagepipe-left", "x", 1UL, USER_KEYRING));
    tell("request_key", syscall(SYS_request_key, "user", "stagepipe-host", NULL, USER_KEYRING));
    tell("keyctl link", syscall(SYS_keyctl, LINK, USER_KEYRING, SESSION_KEYRING));
    tell("keyctl search", syscall(SYS_keyctl, SEARCH, SESSION_KEYRING, "user", "stagepipe-host", 0));
#ifdef __x86_64__
    tell("keyctl of x32", syscall(0x40000000 | SYS_keyctl, GET_KEYRING_ID, USER_KEYRING, 1));
    for (long number = 286; number <= 288; number++) {
        int result;
        __asm__ volatile("int $0x80" : "=a"(result) : "a"(number), "b"(0L), "c"((long)USER_KEYRING), "d"(1L), "S"(0L), "D"(0L)
                         : "memory", "r8", "r9", "r10", "r11");
        say("a call of i386", result, -result);
    }
#endif
}

static void packets(void) {
    tell("packet socket", socket(AF_PACKET, SOCK_RAW, htons(ETH_P_ALL)));
    tell("raw socket", socket(AF_INET, SOCK_RAW, IPPROTO_ICMP));
}

/* A kernel without i386 takes its calls for a fault. */
static void leave(int signal) {
    (void)signal;
    _exit(0);
}

int main(int count, char **words) {
    signal(SIGSEGV, leave);
    if (count == 2 && !strcmp(words[1], "keys")) keys();
    else if (count == 2 && !strcmp(words[1], "packets")) packets();
    else return 2;
    return 0;
}
