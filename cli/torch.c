/* A peer in Python, measured in a child process: mote needs neither Python nor torch. */
#include "bench.h"

#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static pid_t child;
static FILE *requests, *answers;

static void run_child(int in, int out, const char *script, int threads)
{
    const char *python = getenv("MOTE_TORCH_PYTHON");
    char count[16];
    snprintf(count, sizeof count, "%d", threads);
    dup2(in, STDIN_FILENO);
    dup2(out, STDOUT_FILENO);
    if (!freopen("/dev/null", "w", stderr)) {
        _exit(1);
    }
    python = python && *python ? python : "python3";
    execlp(python, python, "-c", script, count, (char *)NULL);
    _exit(1);
}

static bool answer(char *line, size_t size)
{
    if (!answers || !fgets(line, (int)size, answers)) {
        return false;
    }
    line[strcspn(line, "\n")] = '\0';
    return true;
}

bool bench_torch_open(const char *script, int threads, char *version, size_t size)
{
    int in[2], out[2];
    if (pipe(in) != 0) {
        return false;
    }
    if (pipe(out) != 0) {
        close(in[0]);
        close(in[1]);
        return false;
    }
    signal(SIGPIPE, SIG_IGN); /* a child that is gone shows in its answers */
    child = fork();
    if (child == 0) {
        close(in[1]);
        close(out[0]);
        run_child(in[0], out[1], script, threads);
    }
    close(in[0]);
    close(out[1]);
    requests = fdopen(in[1], "w");
    answers = fdopen(out[0], "r");
    if (child > 0 && requests && answer(version, size)) {
        return true;
    }
    bench_torch_close();
    return false;
}

double bench_torch_ask(const char *format, ...)
{
    char line[64];
    va_list arguments;
    va_start(arguments, format);
    bool sent = requests && vfprintf(requests, format, arguments) >= 0 && fflush(requests) == 0;
    va_end(arguments);
    return sent && answer(line, sizeof line) ? strtod(line, NULL) : 0;
}

void bench_torch_close(void)
{
    if (requests) {
        fclose(requests);
    }
    if (answers) {
        fclose(answers);
    }
    if (child > 0) {
        waitpid(child, NULL, 0);
    }
    requests = answers = NULL;
    child = 0;
}
