/* The pages and their files (app/web), out of the program's own memory: the storefront at `/` for whoever prefers HTML,
 * /docs, and /assets/. Not under the path prefix, which is for programs. */
#pragma once
#include "serve/exchange.h"
#include "web/files.h"

/* What the request's target is among them; NULL: nothing. Below /assets/ a name with another hash, as another version
 * of this program has it, finds what this one has under that name. */
const struct web_file *assets_find(const struct exchange *x);
void exchange_respond_asset(struct exchange *x, const struct web_file *file);
