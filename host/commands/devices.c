/* attnbench devices: what is there, and how --device calls it. */
#include "commands/common.h"
#include "problem/quirk.h"
#include "util/json.h"
#include "util/standard.h"

#include <stdio.h>
#include <stdlib.h>

static void add_text(const struct setup *setup, struct text *out)
{
    const int best = device_best(setup->found, setup->found_count);
    for (int i = 0; i < setup->found_count; ++i) {
        const struct device_info *d = &setup->found[i];
        text_print(out, "%-16s %-5s %s%s\n", d->id, d->index, d->name,
                   i == best ? "  (default)" : "");
        text_print(out, "    platform  %s\n    driver    %s, %s\n", d->platform, d->driver,
                   d->opencl_c);
        text_print(out, "    type      %s, %lld compute units, %lld MHz\n    memory    ", d->type,
                   (long long)d->compute_units, (long long)d->clock_mhz);
        text_add_bytes_size(out, (double)d->global_bytes);
        text_add(out, " global, ");
        text_add_bytes_size(out, (double)d->max_alloc_bytes);
        text_add(out, " in one buffer, ");
        text_add_bytes_size(out, (double)d->local_bytes);
        text_print(out, " local; work-groups up to %lld\n", (long long)d->max_work_group);
        for (int q = 0; q < d->quirk_count; ++q)
            text_print(out, "    quirk     %s: %s\n", d->quirks[q]->name, d->quirks[q]->reason);
        if (d->peaks.measured_utc) {
            text_print(out, "    peaks     measured %s\n", d->peaks.measured_utc);
            peaks_add_text(&d->peaks, "      ", out);
        }
        if (d->launch_us > 0)
            text_print(out, "      %-16s %.3g us\n", "empty launch", d->launch_us);
    }
}

static void add_json(const struct setup *setup, struct text *out)
{
    cJSON *root = cJSON_CreateObject();
    cJSON *list = cJSON_AddArrayToObject(root, "devices");
    for (int i = 0; i < setup->found_count; ++i)
        cJSON_AddItemToArray(list, device_info_to_json(&setup->found[i]));
    char *printed = json_print_pretty(root);
    text_print(out, "%s\n", printed);
    free(printed);
    cJSON_Delete(root);
}

int command_devices(const struct options *options)
{
    struct setup setup = {0};
    struct text out = {0};
    int status = setup_devices(&setup, options);
    if (status == EXIT_NO_DEVICE && options->json && !setup.found_count)
        standard_print("{\"devices\": []}\n");
    if (status == EXIT_OK && options->peaks)
        setup_peaks(&setup, options->device ? setup.devices : setup.found,
                    options->device ? setup.device_count : setup.found_count, options->peaks, false,
                    false);
    if (status == EXIT_OK) {
        if (options->json)
            add_json(&setup, &out);
        else
            add_text(&setup, &out);
        status = write_output(NULL, text_get(&out), out.length);
    }
    text_free(&out);
    setup_free(&setup);
    return status;
}
