/* What went wrong, as one complete message.
 *
 * A function that can fail returns 0, or -1 with the message set; on success it leaves `err`
 * untouched. Messages are lower case without a full stop: what failed, the subject in quotes, what
 * to do. A NULL `err` is allowed where the caller does not want the text. */
#ifndef ATTNBENCH_UTIL_ERR_H
#define ATTNBENCH_UTIL_ERR_H

struct err {
    char message[2048];
};

/* Always returns -1, so that callers can write `return err_set(...)`. */
int err_set(struct err *err, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Puts "prefix: " before the present message; returns -1. */
int err_prefix(struct err *err, const char *format, ...) __attribute__((format(printf, 2, 3)));

#endif
