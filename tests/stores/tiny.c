/* The shell of the images in stores/: 1 kB that needs no library. It reads words, from the argument after -c
   or from all arguments, and does what they say until one fails. Its status is then 9. */

enum { READ = 0, WRITE = 1, OPEN = 2, CLOSE = 3, EXIT = 60, MKDIR = 83, RMDIR = 84, UNLINK = 87, CHOWN = 92 };

static long call(long number, long a, long b, long c) {
    long result;
    __asm__ volatile("syscall" : "=a"(result) : "a"(number), "D"(a), "S"(b), "d"(c) : "rcx", "r11", "memory");
    return result;
}

static _Noreturn void end(int status) {
    for (;;) call(EXIT, status, 0, 0);
}

static long length(const char *text) {
    long count = 0;
    while (text[count]) count++;
    return count;
}

static int same(const char *a, const char *b) {
    while (*a && *a == *b) a++, b++;
    return *a == *b;
}

static char **words;

static const char *next(void) {
    if (!*words) end(9);
    return *words++;
}

static void try(long result) {
    if (result < 0) end(9);
}

static void line(long file, const char *text) {
    try(call(WRITE, file, (long)text, length(text)));
    try(call(WRITE, file, (long)"\n", 1));
}

static void show(const char *path) {
    char bytes[512];
    long file = call(OPEN, (long)path, 0, 0), count;
    try(file);
    while ((count = call(READ, file, (long)bytes, sizeof bytes)) > 0) try(call(WRITE, 1, (long)bytes, count));
    call(CLOSE, file, 0, 0);
}

static void put(const char *path, const char *text) {
    long file = call(OPEN, (long)path, 01101, 0644); /* write, create, truncate */
    try(file);
    line(file, text);
    call(CLOSE, file, 0, 0);
}

/* split TEXT at its spaces into SPACE, which has room for LIMIT words. */
static char **split(char *text, char **space, long limit) {
    long count = 0;
    while (*text && count < limit - 1) {
        while (*text == ' ') *text++ = 0;
        if (*text) space[count++] = text;
        while (*text && *text != ' ') text++;
    }
    space[count] = 0;
    return space;
}

__attribute__((used)) static void run(long *stack) {
    char *space[64];
    words = (char **)(stack + 2);
    if (*words && same(*words, "-c")) {
        words++;
        words = split((char *)next(), space, 64);
    }
    while (*words) {
        const char *word = next();
        if (same(word, "&&")) continue;
        const char *of = next();
        if (same(word, "say")) line(1, of);
        else if (same(word, "show")) show(of);
        else if (same(word, "write")) put(of, next());
        else if (same(word, "remove")) try(call(UNLINK, (long)of, 0, 0));
        else if (same(word, "mkdir")) try(call(MKDIR, (long)of, 0755, 0));
        else if (same(word, "rmdir")) try(call(RMDIR, (long)of, 0, 0));
        else if (same(word, "give")) try(call(CHOWN, (long)of, 7, 8));
        else end(9);
    }
    end(0);
}

__asm__(".globl _start\n_start: mov %rsp, %rdi\n and $-16, %rsp\n call run\n");
