/*
 * ctp-collect: runs the vendor's collector of terminal system info (看穿式监管采集) once, for terminals without Python.
 *
 * The library is the user's, from the futures firm or the trading interface; its path is an argument. It prints to standard
 * output and reads disk and BIOS with programs in sbin, so a child process runs it: what it prints goes to standard error, and
 * what it gives comes back on a pipe of our own. The child has the time zone of China, because the collector stamps local time.
 *
 *   ctp-collect [--format json|base64|hex|raw] [--edition production|evaluation] [--timeout SECONDS] LIBRARY
 *
 * Exit status: 0 collected (perhaps with items missing: see code), 1 the collector failed, 2 wrong arguments.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { BUFFER_BYTES = 344, SHORTEST = 264, LONGEST = 273, VERSION_BYTES = 129 };

/* What the child sends: fixed size, one write. */
struct collected {
    int32_t failed; /* 0, or one of enum failure */
    int32_t length;
    int32_t code;
    char version[VERSION_BYTES];
    unsigned char content[BUFFER_BYTES];
};

enum failure { COLLECTED = 0, LIBRARY_MISSING = 1, SYMBOL_MISSING = 2 };

/* int CTP_GetSystemInfo(char *pSystemInfo, int &nLen): a C++ reference is passed as a pointer. */
typedef int (*collect_function)(char *, int *);
typedef const char *(*version_function)(void);

struct edition {
    const char *name;
    const char *collect[3];
    const char *version[3];
};

static const struct edition EDITIONS[] = {
    {"production",
     {"_Z17CTP_GetSystemInfoPcRi", "CTP_GetSystemInfo", NULL},
     {"_Z28CTP_GetDataCollectApiVersionv", "CTP_GetDataCollectApiVersion", NULL}},
    {"evaluation",
     {"_ZN10ctptestapi17CTP_GetSystemInfoEPcRi", NULL},
     {"_ZN10ctptestapi28CTP_GetDataCollectApiVersionEv", NULL}},
};

struct item {
    int bit;
    const char *chinese;
    const char *english;
};

static const struct item ITEMS[] = {
    {0x001, "终端类型", "terminal type"},      {0x002, "采集时间", "collection time"},
    {0x004, "IP 地址", "IP address"},          {0x008, "MAC 地址", "MAC address"},
    {0x010, "设备名", "device name"},          {0x020, "操作系统版本", "operating system version"},
    {0x040, "硬盘序列号", "disk serial number"}, {0x080, "CPU 序列号", "CPU serial number"},
    {0x100, "BIOS 序列号", "BIOS serial number"}, {0x200, "系统盘分区信息", "system partition"},
};
enum { ITEM_COUNT = sizeof ITEMS / sizeof *ITEMS };

struct options {
    const char *format;
    const struct edition *edition;
    const char *library;
    int timeout_seconds;
};

static int wrong_arguments(void) {
    fputs("用法 usage: ctp-collect [--format json|base64|hex|raw] [--edition production|evaluation] [--timeout SECONDS]"
          " LIBRARY\n",
          stderr);
    return 2;
}

static const struct edition *edition_called(const char *name) {
    for (size_t i = 0; i < sizeof EDITIONS / sizeof *EDITIONS; i++)
        if (!strcmp(EDITIONS[i].name, name)) return &EDITIONS[i];
    return NULL;
}

static int is_format(const char *name) {
    return !strcmp(name, "json") || !strcmp(name, "base64") || !strcmp(name, "hex") || !strcmp(name, "raw");
}

static int read_options(int count, char **words, struct options *options) {
    *options = (struct options){"json", &EDITIONS[0], NULL, 30};
    for (int i = 1; i < count; i++) {
        const char *value = i + 1 < count ? words[i + 1] : "";
        if (!strcmp(words[i], "--format") && is_format(value)) {
            options->format = words[++i];
        } else if (!strcmp(words[i], "--edition") && edition_called(value)) {
            options->edition = edition_called(words[++i]);
        } else if (!strcmp(words[i], "--timeout") && atoi(value) > 0 && atoi(value) <= 600) {
            options->timeout_seconds = atoi(words[++i]);
        } else if (words[i][0] != '-' && !options->library) {
            options->library = words[i];
        } else {
            return 0;
        }
    }
    return options->library != NULL;
}

static void *first_symbol(void *library, const char *const *names) {
    for (; *names; names++) {
        void *found = dlsym(library, *names);
        if (found) return found;
    }
    return NULL;
}

/* In the child: load, collect, fill in what the parent reads. */
static void collect(const struct options *options, struct collected *result) {
    void *library = dlopen(options->library, RTLD_NOW | RTLD_LOCAL);
    if (!library) {
        fprintf(stderr, "ctp-collect: %s\n", dlerror());
        result->failed = LIBRARY_MISSING;
        return;
    }
    collect_function get;
    version_function get_version;
    *(void **)&get = first_symbol(library, options->edition->collect);
    *(void **)&get_version = first_symbol(library, options->edition->version);
    if (!get) {
        result->failed = SYMBOL_MISSING;
        return;
    }
    int length = 0;
    result->code = get((char *)result->content, &length);
    result->length = length;
    const char *version = get_version ? get_version() : NULL;
    if (version) snprintf(result->version, sizeof result->version, "%s", version);
}

/* The library gets an environment of its own: the time of China, the system's tools, nothing preloaded. */
static void prepare_environment(void) {
    const char *path = getenv("PATH");
    char *longer = NULL;
    setenv("TZ", "CST-8", 1);
    unsetenv("LD_PRELOAD");
    unsetenv("LD_AUDIT");
    if (asprintf(&longer, "%s%s/usr/sbin:/sbin:/usr/bin:/bin", path ? path : "", path ? ":" : "") > 0) {
        setenv("PATH", longer, 1);
        free(longer);
    }
}

static void run_child(const struct options *options, int pipe_end) {
    struct collected result;
    memset(&result, 0, sizeof result);
    setpgid(0, 0);
    int nothing = open("/dev/null", O_RDONLY);
    if (nothing >= 0) dup2(nothing, STDIN_FILENO);
    dup2(STDERR_FILENO, STDOUT_FILENO); /* the library prints */
    prepare_environment();
    collect(options, &result);
    fflush(NULL);
    ssize_t written = write(pipe_end, &result, sizeof result);
    _exit(written == (ssize_t)sizeof result ? 0 : 1);
}

static long long milliseconds(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * 1000LL + now.tv_nsec / 1000000;
}

/* Everything the child writes until it is whole; 0 where it ended before, or took too long. */
static int read_whole(int pipe_end, struct collected *result, int timeout_seconds) {
    size_t have = 0;
    long long end = milliseconds() + timeout_seconds * 1000LL;
    while (have < sizeof *result) {
        long long left = end - milliseconds();
        struct pollfd waiting = {pipe_end, POLLIN, 0};
        if (left <= 0 || poll(&waiting, 1, (int)left) == 0) return 0;
        ssize_t got = read(pipe_end, (char *)result + have, sizeof *result - have);
        if (got < 0 && errno == EINTR) continue;
        if (got <= 0) return 0;
        have += (size_t)got;
    }
    return 1;
}

static int run_collector(const struct options *options, struct collected *result) {
    int ends[2];
    if (pipe2(ends, O_CLOEXEC)) return 0;
    fflush(NULL);
    pid_t child = fork();
    if (child == 0) {
        close(ends[0]);
        run_child(options, ends[1]);
    }
    close(ends[1]);
    int whole = child > 0 && read_whole(ends[0], result, options->timeout_seconds);
    close(ends[0]);
    if (child > 0) {
        kill(-child, SIGKILL); /* with the programs the collector started; it has answered, or never will */
        kill(child, SIGKILL);
        waitpid(child, NULL, 0);
    }
    return whole;
}

static void print_base64(const unsigned char *bytes, int length) {
    static const char DIGITS[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    for (int i = 0; i < length; i += 3) {
        int left = length - i;
        unsigned group = (unsigned)bytes[i] << 16 | (left > 1 ? (unsigned)bytes[i + 1] << 8 : 0) | (left > 2 ? bytes[i + 2] : 0);
        putchar(DIGITS[group >> 18]);
        putchar(DIGITS[group >> 12 & 63]);
        putchar(left > 1 ? DIGITS[group >> 6 & 63] : '=');
        putchar(left > 2 ? DIGITS[group & 63] : '=');
    }
}

static void print_text(const char *text) {
    for (; *text; text++)
        if (*text >= ' ' && *text < 127 && *text != '"' && *text != '\\') putchar(*text);
}

static void print_json(const struct options *options, const struct collected *result) {
    const char *slash = strrchr(options->library, '/');
    const char *comma = "";
    printf("{\"system_info\": \"");
    print_base64(result->content, result->length);
    printf("\", \"length\": %d, \"code\": %d, \"version\": \"", result->length, result->code);
    print_text(result->version[0] ? result->version : slash ? slash + 1 : options->library);
    printf("\", \"missing\": [");
    for (int i = 0; i < ITEM_COUNT; i++)
        if (result->code & ITEMS[i].bit) {
            printf("%s{\"chinese\": \"%s\", \"english\": \"%s\"}", comma, ITEMS[i].chinese, ITEMS[i].english);
            comma = ", ";
        }
    printf("]}\n");
}

static void print_result(const struct options *options, const struct collected *result) {
    if (!strcmp(options->format, "json")) {
        print_json(options, result);
    } else if (!strcmp(options->format, "raw")) {
        fwrite(result->content, 1, (size_t)result->length, stdout);
    } else if (!strcmp(options->format, "base64")) {
        print_base64(result->content, result->length);
        putchar('\n');
    } else {
        for (int i = 0; i < result->length; i++) printf("%02x", result->content[i]);
        putchar('\n');
    }
}

/* For the person who looks on: standard output has the result alone. */
static void say_what_is_missing(const struct collected *result) {
    fprintf(stderr, "采集 %d 字节，返回码 %d / collected %d bytes, return code %d\n", result->length, result->code,
            result->length, result->code);
    for (int i = 0; i < ITEM_COUNT; i++)
        if (result->code & ITEMS[i].bit) fprintf(stderr, "缺少：%s / missing: %s\n", ITEMS[i].chinese, ITEMS[i].english);
    if (result->length < SHORTEST || result->length > LONGEST)
        fprintf(stderr, "长度应为 %d 到 %d 字节，中继会拒绝 / the relay takes %d to %d bytes\n", SHORTEST, LONGEST, SHORTEST,
                LONGEST);
}

static int failed(const struct options *options, const struct collected *result, int whole) {
    if (!whole) {
        fprintf(stderr, "采集库没有结果：崩溃或超过 %d 秒 / the collector gave nothing: it crashed or took more than %d s\n",
                options->timeout_seconds, options->timeout_seconds);
    } else if (result->failed == LIBRARY_MISSING) {
        fputs("采集库不能加载 / the library cannot be loaded\n", stderr);
    } else if (result->failed == SYMBOL_MISSING) {
        fprintf(stderr, "不是 %s 版的采集库，没有 %s / not a collector of this edition\n", options->edition->name,
                options->edition->collect[0]);
    } else if (result->length < 1 || result->length > BUFFER_BYTES) {
        fprintf(stderr, "采集库给出的长度是 %d / the collector claims %d bytes\n", result->length, result->length);
    } else {
        return 0;
    }
    return 1;
}

int main(int count, char **words) {
    struct options options;
    struct collected result;
    memset(&result, 0, sizeof result);
    if (!read_options(count, words, &options)) return wrong_arguments();
    int whole = run_collector(&options, &result);
    if (failed(&options, &result, whole)) return 1;
    say_what_is_missing(&result);
    print_result(&options, &result);
    return fflush(stdout) ? 1 : 0;
}
