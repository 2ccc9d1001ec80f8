/* Standard input, output and error. */
#pragma once
#include <fcntl.h>
#include <unistd.h>

/* Opens those that the caller has closed, on /dev/null: else the next file or connection would take their place, and
 * get what is printed or logged. First of all in main(). */
static inline void standard_files_open(void)
{
    int fd;
    do {
        fd = open("/dev/null", O_RDWR);
    } while (fd >= 0 && fd <= STDERR_FILENO);
    if (fd >= 0) {
        close(fd);
    }
}
