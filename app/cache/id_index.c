#include "cache/id_index.h"

#include <stdlib.h>
#include <string.h>

/* A leaf that was just built is this full, so that the next few inserts do not split it at once. */
enum { LEAF_FILL = LEAF_MAX * 3 / 4 };

/* The root being built. */
struct build {
    const struct id_root *old;
    struct id_branch *branch;
    size_t count, cap;
    struct id_garbage *garbage;
    bool failed;
};

static void add_branch(struct build *b, const struct id_leaf *leaf)
{
    if (b->count == b->cap) {
        size_t cap = b->cap ? b->cap * 2 : 64;
        struct id_branch *grown = realloc(b->branch, cap * sizeof *grown);
        if (!grown) {
            b->failed = true;
            return;
        }
        b->branch = grown;
        b->cap = cap;
    }
    b->branch[b->count++] = (struct id_branch){.leaf = leaf};
}

static struct id_leaf *leaf_new(const int64_t *ids, size_t count)
{
    struct id_leaf *leaf = malloc(sizeof *leaf + count * sizeof *ids);
    if (leaf) {
        leaf->count = (uint32_t)count;
        memcpy(leaf->ids, ids, count * sizeof *ids);
    }
    return leaf;
}

/* Cuts ids into leaves: one if they fit, else several of LEAF_FILL. */
static void add_leaves(struct build *b, const int64_t *ids, size_t count)
{
    size_t step = count <= LEAF_MAX ? LEAF_MAX : LEAF_FILL;
    for (size_t at = 0; at < count && !b->failed; at += step) {
        size_t take = count - at < step ? count - at : step;
        struct id_leaf *leaf = leaf_new(ids + at, take);
        if (!leaf) {
            b->failed = true;
            return;
        }
        add_branch(b, leaf);
        if (b->failed) {
            free(leaf);
        }
    }
}

/* old ∪ add ∖ remove into out, which has room for all; returns how many. All are ascending. */
static size_t merge(const struct id_leaf *old, const int64_t *add, size_t adds, const int64_t *remove, size_t removes,
                    int64_t *out)
{
    size_t n = 0;
    size_t a = 0;
    size_t r = 0;
    size_t olds = old ? old->count : 0;
    for (size_t o = 0; o < olds || a < adds;) {
        int64_t id;
        if (a == adds || (o < olds && old->ids[o] < add[a])) {
            id = old->ids[o++];
            while (r < removes && remove[r] < id) {
                r++;
            }
            if (r < removes && remove[r] == id) {
                continue;
            }
        } else {
            id = add[a++];
            o += o < olds && old->ids[o] == id;
        }
        out[n++] = id;
    }
    return n;
}

/* How many of the ascending ids are < bound. */
static size_t below(const int64_t *ids, size_t count, int64_t bound)
{
    size_t n = 0;
    while (n < count && ids[n] < bound) {
        n++;
    }
    return n;
}

static void change_leaf(struct build *b, const struct id_leaf *leaf, const int64_t *add, size_t adds,
                        const int64_t *remove, size_t removes)
{
    if (adds + removes == 0) {
        add_branch(b, leaf);
        return;
    }
    size_t room = (leaf ? leaf->count : 0) + adds;
    int64_t *merged = malloc(room * sizeof *merged + 1);
    if (!merged) {
        b->failed = true;
        return;
    }
    add_leaves(b, merged, merge(leaf, add, adds, remove, removes, merged));
    free(merged);
    if (leaf) {
        b->garbage->leaves[b->garbage->count++] = leaf;
    }
}

static void change_leaves(struct build *b, const int64_t *add, size_t adds, const int64_t *remove, size_t removes)
{
    size_t leaves = b->old ? b->old->leaves : 0;
    for (size_t i = 0; i < leaves && !b->failed; i++) {
        bool last = i + 1 == leaves;
        int64_t bound = last ? INT64_MAX : b->old->branch[i + 1].leaf->ids[0];
        size_t a = last ? adds : below(add, adds, bound);
        size_t r = last ? removes : below(remove, removes, bound);
        change_leaf(b, b->old->branch[i].leaf, add, a, remove, r);
        add += a;
        adds -= a;
        remove += r;
        removes -= r;
    }
    if (leaves == 0 && adds) {
        change_leaf(b, NULL, add, adds, NULL, 0);
    }
}

static bool in_old(const struct build *b, const struct id_leaf *leaf, size_t *from)
{
    for (size_t i = *from; b->old && i < b->old->leaves; i++) {
        if (b->old->branch[i].leaf == leaf) {
            *from = i + 1;
            return true;
        }
    }
    return false;
}

/* Frees the leaves that only the failed build made. */
static void undo(struct build *b)
{
    size_t from = 0;
    for (size_t i = 0; i < b->count; i++) {
        if (!in_old(b, b->branch[i].leaf, &from)) {
            free((void *)(uintptr_t)b->branch[i].leaf);
        }
    }
    free(b->garbage->leaves);
    *b->garbage = (struct id_garbage){0};
}

static struct id_root *finish(struct build *b)
{
    struct id_root *root = malloc(sizeof *root + b->count * sizeof *root->branch);
    if (!root) {
        return NULL;
    }
    *root = (struct id_root){.leaves = b->count};
    for (size_t i = 0; i < b->count; i++) {
        root->branch[i] = (struct id_branch){.leaf = b->branch[i].leaf, .before = root->count};
        root->count += b->branch[i].leaf->count;
    }
    return root;
}

struct id_root *id_index_change(const struct id_root *old, const int64_t *add, size_t adds, const int64_t *remove,
                                size_t removes, struct id_garbage *garbage)
{
    *garbage = (struct id_garbage){.leaves = malloc((old ? old->leaves : 0) * sizeof *garbage->leaves + 1)};
    struct build b = {.old = old, .garbage = garbage, .failed = !garbage->leaves};
    if (!b.failed) {
        change_leaves(&b, add, adds, remove, removes);
    }
    struct id_root *root = b.failed ? NULL : finish(&b);
    if (!root) {
        undo(&b);
    }
    free(b.branch);
    return root;
}

void id_root_free(struct id_root *root, bool leaves)
{
    for (size_t i = 0; leaves && root && i < root->leaves; i++) {
        free((void *)(uintptr_t)root->branch[i].leaf);
    }
    free(root);
}

/* The last leaf whose first id is ≤ id; 0 if there is none. */
static size_t leaf_for(const struct id_root *root, int64_t id)
{
    size_t low = 0;
    size_t high = root->leaves;
    while (high - low > 1) {
        size_t middle = low + (high - low) / 2;
        if (root->branch[middle].leaf->ids[0] <= id) {
            low = middle;
        } else {
            high = middle;
        }
    }
    return low;
}

size_t id_index_rank(const struct id_root *root, int64_t id)
{
    if (!root || root->leaves == 0) {
        return 0;
    }
    const struct id_branch *branch = &root->branch[leaf_for(root, id)];
    size_t low = 0;
    size_t high = branch->leaf->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (branch->leaf->ids[middle] <= id) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return branch->before + low;
}

bool id_index_has(const struct id_root *root, int64_t id)
{
    int64_t found;
    size_t rank = id_index_rank(root, id);
    return rank > 0 && id_index_copy(root, rank - 1, &found, 1) == 1 && found == id;
}

size_t id_index_copy(const struct id_root *root, size_t position, int64_t *out, size_t max)
{
    if (!root || position >= root->count) {
        return 0;
    }
    size_t low = 0;
    size_t high = root->leaves;
    while (high - low > 1) {
        size_t middle = low + (high - low) / 2;
        if (root->branch[middle].before <= position) {
            low = middle;
        } else {
            high = middle;
        }
    }
    size_t done = 0;
    size_t skip = position - root->branch[low].before;
    for (; low < root->leaves && done < max; low++, skip = 0) {
        const struct id_leaf *leaf = root->branch[low].leaf;
        size_t take = leaf->count - skip < max - done ? leaf->count - skip : max - done;
        memcpy(out + done, leaf->ids + skip, take * sizeof *out);
        done += take;
    }
    return done;
}
