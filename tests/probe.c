/* Tries to reach the host from inside an image. For 62-sandbox.t; to be linked statically.
   probe keys: the calls by which keys are reached, in each form this machine has; probe packets: raw sockets.
   A line for each: its name, then "refused" (EPERM), "absent" (ENOSYS) or "done".
   probe abstract NAME: connects to the abstract socket of that name, or to "own", which it opens itself.
   probe agent: asks the agent of $SSH_AUTH_SOCK what each kind of message, a long one too, is answered.
   probe calls FILE: every call of docker-calls, in each form this machine has. None is carried out: what a filter
   above lets pass ends in a filter of the probe's own. A line for each answer that is not the file's, and a count. */
#include <arpa/inet.h>
#include <errno.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <net/ethernet.h>
#include <pthread.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
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

/* Marks the calls that are only to be asked about; and the answer to those, which no kernel gives. */
enum { MARK = 0x57a6e, PASSES = EADV };

/* Answers the calls that pass. A call that the other filter refuses does not come here: refusing comes first. */
static void *answer(void *listener) {
    struct seccomp_notif call;
    for (;;) {
        memset(&call, 0, sizeof call);
        if (ioctl(*(int *)listener, SECCOMP_IOCTL_NOTIF_RECV, &call)) continue;
        struct seccomp_notif_resp response = {.id = call.id, .error = -PASSES};
        ioctl(*(int *)listener, SECCOMP_IOCTL_NOTIF_SEND, &response);
    }
    return NULL;
}

/* Has this thread's marked calls end in `answer`. */
static int ask_only(void) {
    static int listener;
    struct sock_filter code[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, args[4])),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, MARK, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_USER_NOTIF),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    struct sock_fprog program = {sizeof code / sizeof *code, code};
    pthread_t thread;
    /* The thread begins outside: its calls are its own. */
    if (pthread_create(&thread, NULL, answer, &listener) || prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)) return -1;
    listener = syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_NEW_LISTENER, &program);
    return listener < 0 ? -1 : 0;
}

static const char *ask(const char *form, unsigned long number, unsigned long argument) {
    long error;
#ifdef __x86_64__
    if (!strcmp(form, "i386")) {
        int result;
        __asm__ volatile("int $0x80" : "=a"(result) : "a"(number), "b"(argument), "c"(0L), "d"(0L), "S"(0L), "D"((long)MARK)
                         : "memory", "r8", "r9", "r10", "r11");
        error = -result;
    } else
#endif
        error = syscall((strcmp(form, "x32") ? 0 : 0x40000000) + number, argument, 0, 0, 0, MARK) < 0 ? errno : 0;
    return error == PASSES ? "pass" : error == EPERM ? "EPERM" : error == ENOSYS ? "ENOSYS" : strerror(error);
}

static int calls(const char *path) {
    const char *forms[] = {"x86-64", "x32", "i386", "arm64", "arm"};
#ifdef __x86_64__
    const int first = 0, end = 3;
#else
    const int first = 3, end = 4;
#endif
    char line[256], name[64], argument[24], numbers[5][24], wanted[24];
    int asked[5] = {0};
    FILE *file = fopen(path, "r");
    if (!file || ask_only()) return perror(path), 1;
    while (fgets(line, sizeof line, file)) {
        /* The kernel does the calls of its probes, uprobe and uretprobe, without asking a filter. */
        if (*line == '#' || !strncmp(line, "uprobe ", 7) || !strncmp(line, "uretprobe ", 10)) continue;
        if (sscanf(line, "%63s %23s %23s %23s %23s %23s %23s %23s", name, argument, numbers[0], numbers[1], numbers[2],
                   numbers[3], numbers[4], wanted) != 8) return printf("not a line of a table: %s", line), 1;
        for (int form = first; form < end; form++) {
            if (*numbers[form] == '-') continue;
            const char *got = ask(forms[form], strtoul(numbers[form], NULL, 0), strtoul(argument, NULL, 0));
            if (strcmp(got, wanted)) printf("%s %s(%s) of %s: %s, wanted %s\n", name, numbers[form], argument, forms[form], got, wanted);
            asked[form]++;
        }
    }
    for (int form = first; form < end; form++) printf("%d calls of %s\n", asked[form], forms[form]);
    return 0;
}

/* Connects to an abstract socket. */
static void reach(const char *name) {
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    strncpy(address.sun_path + 1, name, sizeof address.sun_path - 2);
    socklen_t size = offsetof(struct sockaddr_un, sun_path) + 1 + strlen(name);
    if (!strcmp(name, "own")) {
        int own = socket(AF_UNIX, SOCK_STREAM, 0);
        if (bind(own, (struct sockaddr *)&address, size) || listen(own, 1)) perror("own");
    }
    tell(name, connect(socket(AF_UNIX, SOCK_STREAM, 0), (struct sockaddr *)&address, size));
}

static int open_agent(void) {
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    const char *path = getenv("SSH_AUTH_SOCK");
    int agent = socket(AF_UNIX, SOCK_STREAM, 0);
    strncpy(address.sun_path, path ? path : "", sizeof address.sun_path - 1);
    if (connect(agent, (struct sockaddr *)&address, sizeof address)) perror("agent"), exit(1);
    return agent;
}

/* A line for each request (draft-ietf-sshm-ssh-agent): its type and that of the answer, or that there is none. */
static void ask_agent(void) {
    static const unsigned char kinds[] = {11, 13, 17, 18, 19, 22, 23, 25, 27};
    static unsigned char answer[1 << 18], request[300 << 10];
    int agent = open_agent();
    for (size_t i = 0; i < sizeof kinds; i++) {
        const unsigned char text[] = {0, 0, 0, 5, kinds[i], 0, 0, 0, 0};
        if (write(agent, text, sizeof text) != sizeof text || read(agent, answer, sizeof answer) < 5) printf("%d: no answer\n", kinds[i]);
        else printf("%d: %d\n", kinds[i], answer[4]);
    }
    request[1] = 4, request[3] = 1, request[4] = 11; /* one more than 256 KiB */
    if (write(agent, request, sizeof request) < 0 || read(agent, answer, sizeof answer) <= 0) printf("long: no answer\n");
    int open = 0;
    for (int i = 0; i < 1000; i++) {
        const unsigned char list[] = {0, 0, 0, 1, 11};
        int one = open_agent();
        if (write(one, list, sizeof list) == sizeof list && read(one, answer, sizeof answer) >= 5) open++;
        else close(one);
    }
    printf("%s of 1000 connections at once\n", open < 100 ? "fewer than a hundred" : "many");
}

/* A kernel without i386 takes its calls for a fault. */
static void leave(int signal) {
    (void)signal;
    _exit(0);
}

int main(int count, char **words) {
    signal(SIGSEGV, leave);
    signal(SIGPIPE, SIG_IGN);
    if (count == 2 && !strcmp(words[1], "agent")) return ask_agent(), 0;
    if (count == 3 && !strcmp(words[1], "abstract")) return reach(words[2]), 0;
    if (count == 3 && !strcmp(words[1], "calls")) return calls(words[2]);
    if (count == 2 && !strcmp(words[1], "keys")) keys();
    else if (count == 2 && !strcmp(words[1], "packets")) packets();
    else return 2;
    return 0;
}
