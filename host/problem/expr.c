#include "problem/expr.h"

#include "util/text.h"

#include <ctype.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

enum { DEPTH_MAX = 64, NAME_MAX_LENGTH = 63 };

/* Recursive descent; an error stops it by setting `failed`. */
struct parser {
    const char *text, *at;
    expr_lookup *lookup;
    const void *context;
    bool check; /* names and syntax only: values mean nothing */
    bool failed;
    int depth;
    struct err *err;
};

static double parse_or(struct parser *p);

static double fail(struct parser *p, const char *what)
{
    if (!p->failed) {
        struct text safe = {0};
        text_add_printable(&safe, p->text, false);
        err_set(p->err, "expression \"%.200s\": %s at column %d", text_get(&safe), what,
                (int)(p->at - p->text) + 1);
        text_free(&safe);
    }
    p->failed = true;
    return 0;
}

static bool take(struct parser *p, const char *symbol)
{
    while (isspace((unsigned char)*p->at))
        ++p->at;
    if (!text_starts(p->at, symbol))
        return false;
    p->at += strlen(symbol);
    return true;
}

static double call(struct parser *p, const char *name)
{
    const bool two = strcmp(name, "min") == 0 || strcmp(name, "max") == 0;
    if (!two && strcmp(name, "ceil") != 0 && strcmp(name, "floor") != 0)
        return fail(p, "unknown function; expected ceil, floor, min or max");
    const double a = parse_or(p);
    double b = 0;
    if (two) {
        if (!take(p, ","))
            return fail(p, "expected ',' and a second argument");
        b = parse_or(p);
    }
    if (!take(p, ")"))
        return fail(p, "expected ')'");
    if (two)
        return (strcmp(name, "min") == 0) == (a < b) ? a : b;
    return strcmp(name, "ceil") == 0 ? ceil(a) : floor(a);
}

static double parse_name(struct parser *p)
{
    char name[NAME_MAX_LENGTH + 1];
    size_t length = 0;
    const char *start = p->at;
    while (isalnum((unsigned char)*p->at) || *p->at == '_') {
        if (length == NAME_MAX_LENGTH)
            return fail(p, "a name of over 63 letters");
        name[length++] = *p->at++;
    }
    name[length] = '\0';
    if (take(p, "("))
        return call(p, name);
    double value = 0;
    if (!p->lookup(p->context, name, &value)) {
        p->at = start;
        char what[128];
        snprintf(what, sizeof what, "unknown name \"%s\"", name);
        return fail(p, what);
    }
    return value;
}

static double parse_number(struct parser *p)
{
    /* strtod alone would also take hexadecimal, "inf" and "nan". */
    char number[48];
    size_t length = strspn(p->at, "0123456789.");
    if (length && (p->at[length] == 'e' || p->at[length] == 'E')) {
        const size_t sign = p->at[length + 1] == '-' || p->at[length + 1] == '+';
        const size_t digits = strspn(p->at + length + 1 + sign, "0123456789");
        length += digits ? 1 + sign + digits : 0;
    }
    double value = 0;
    if (length >= sizeof number)
        return fail(p, "a number of too many digits");
    memcpy(number, p->at, length);
    number[length] = '\0';
    if (!text_to_double(number, &value))
        return fail(p, "expected a number, a name or '('");
    p->at += length;
    return value;
}

static double parse_unary(struct parser *p)
{
    if (++p->depth > DEPTH_MAX)
        return fail(p, "nested too deeply");
    double value;
    if (take(p, "(")) {
        value = parse_or(p);
        if (!p->failed && !take(p, ")"))
            fail(p, "expected ')'");
    } else if (take(p, "-")) {
        value = -parse_unary(p);
    } else if (text_starts(p->at, "!") && !text_starts(p->at, "!=")) {
        ++p->at;
        value = parse_unary(p) == 0;
    } else if (isalpha((unsigned char)*p->at) || *p->at == '_') {
        value = parse_name(p);
    } else {
        value = parse_number(p);
    }
    --p->depth;
    return value;
}

static double parse_product(struct parser *p)
{
    double value = parse_unary(p);
    while (!p->failed) {
        if (take(p, "*")) {
            value *= parse_unary(p);
        } else if (take(p, "/") || take(p, "%")) {
            const bool remainder = p->at[-1] == '%';
            const double by = parse_unary(p);
            if (by == 0 && !p->check && !p->failed)
                return fail(p, "division by zero before");
            value = remainder ? fmod(value, by) : value / by;
        } else {
            break;
        }
    }
    return value;
}

static double parse_sum(struct parser *p)
{
    double value = parse_product(p);
    while (!p->failed) {
        if (take(p, "+"))
            value += parse_product(p);
        else if (take(p, "-"))
            value -= parse_product(p);
        else
            break;
    }
    return value;
}

static double parse_comparison(struct parser *p)
{
    const double a = parse_sum(p);
    if (take(p, "=="))
        return a == parse_sum(p);
    if (take(p, "!="))
        return a != parse_sum(p);
    if (take(p, "<="))
        return a <= parse_sum(p);
    if (take(p, ">="))
        return a >= parse_sum(p);
    if (take(p, "<"))
        return a < parse_sum(p);
    if (take(p, ">"))
        return a > parse_sum(p);
    return a;
}

static double parse_and(struct parser *p)
{
    double value = parse_comparison(p);
    while (!p->failed && take(p, "&&")) {
        const double more = parse_comparison(p);
        value = value != 0 && more != 0;
    }
    return value;
}

static double parse_or(struct parser *p)
{
    double value = parse_and(p);
    while (!p->failed && take(p, "||")) {
        const double more = parse_and(p);
        value = value != 0 || more != 0;
    }
    return value;
}

static int run(struct parser *p, double *value)
{
    *value = parse_or(p);
    take(p, ""); /* trailing space */
    if (!p->failed && *p->at)
        fail(p, "unexpected text");
    return p->failed ? -1 : 0;
}

int expr_eval(const char *expression, expr_lookup *lookup, const void *context, double *value,
              struct err *err)
{
    struct parser p = {expression, expression, lookup, context, false, false, 0, err};
    double result = 0;
    if (run(&p, &result))
        return -1;
    if (!isfinite(result))
        return err_set(err, "expression \"%.200s\": the value is too large", expression);
    *value = result;
    return 0;
}

int expr_check(const char *expression, expr_lookup *lookup, const void *context, struct err *err)
{
    struct parser p = {expression, expression, lookup, context, true, false, 0, err};
    double ignored = 0;
    return run(&p, &ignored);
}
