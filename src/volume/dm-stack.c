/* SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception */
#include "pxenc/dm-stack.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/sysmacros.h>

#include "dm-private.h"
#include "pxenc/secret.h"

static void task_cleanup(struct dm_task **task)
{
	if (*task)
		dm_task_destroy(*task);
}

#define auto_task px_cleanup(task_cleanup) struct dm_task

/* One line of a table. The text is the task's, and may hold a key: it is read where it lies. */
struct target {
	uint64_t start, length;
	char *type, *params;
};

/* "crypt": CIPHER KEY IV-OFFSET DEVICE OFFSET [OPTION…]. */
struct crypt_params {
	const char *rest; /* behind the offset */
	int head;	  /* length of all before the device */
	dev_t device;
	uint64_t offset;
};

static const char *skip_fields(const char *text, int count)
{
	for (; count > 0; count--) {
		text += strcspn(text, " ");
		text += strspn(text, " ");
	}
	return text;
}

static int parse_place(const char *text, dev_t *ret_device, uint64_t *ret_offset)
{
	unsigned int major_no, minor_no;

	if (sscanf(text, "%u:%u %" SCNu64, &major_no, &minor_no, ret_offset) != 3)
		return -EINVAL;
	*ret_device = makedev(major_no, minor_no);
	return 0;
}

static int parse_crypt(const struct target *target, struct crypt_params *ret_params)
{
	const char *place;
	int r;

	if (strcmp(target->type, "crypt") != 0)
		return -EINVAL;
	place = skip_fields(target->params, 3);
	r = parse_place(place, &ret_params->device, &ret_params->offset);
	if (r < 0)
		return r;
	ret_params->head = (int)(place - target->params);
	place = skip_fields(place, 1);
	ret_params->rest = place + strcspn(place, " ");
	return 0;
}

/* A task that has the table of a mapping. */
static int read_table(const char *name, struct dm_task **ret_task)
{
	auto_task *task = dm_task_create(DM_DEVICE_TABLE);
	struct dm_info info;
	int r;

	if (!task)
		return -ENOMEM;
	r = dm_task_set_name(task, name) && dm_task_secure_data(task) ? px_dm_run(task) : -EINVAL;
	if (r == 0 && !dm_task_get_info(task, &info))
		r = -EIO;
	if (r == 0 && !info.exists)
		r = -ENOENT;
	if (r == 0)
		*ret_task = px_steal(&task);
	return r;
}

/* The next line, from *at on, which is NULL at the first: 1; 0: there is none. */
static int next_target(struct dm_task *task, void **at, bool *begun, struct target *ret_target)
{
	if (*begun && !*at)
		return 0;
	*begun = true;
	*at = dm_get_next_target(task, *at, &ret_target->start, &ret_target->length,
				 &ret_target->type, &ret_target->params);
	return ret_target->type && ret_target->params;
}

static int look_whether_used(const char *name, void *arg)
{
	auto_task *task = NULL;
	struct target target;
	bool begun = false;
	void *at = NULL;
	uint64_t offset;
	dev_t device;
	int r = read_table(name, &task);

	if (r < 0)
		return r;
	return next_target(task, &at, &begun, &target) == 1 && strcmp(target.type, "linear") == 0 &&
	       parse_place(target.params, &device, &offset) == 0 && device == *(dev_t *)arg;
}

int px_dm_stack_is_used(const struct px_dm_stack *stack, bool *ret_used)
{
	dev_t below = stack->overlay_devno;
	int r = px_dm_quietly(look_whether_used, stack->name, &below);

	*ret_used = r > 0;
	return r < 0 ? r : 0;
}

/* What of a table is on the hotzone; one part at most. */
static int find_hot(struct dm_task *task, dev_t hotzone, struct px_dm_hot *hot)
{
	struct crypt_params params;
	struct target target;
	bool begun = false;
	void *at = NULL;

	*hot = (struct px_dm_hot){ .end = 0 };
	while (next_target(task, &at, &begun, &target) == 1) {
		if (parse_crypt(&target, &params) < 0)
			return -EINVAL;
		if (params.device != hotzone)
			continue;
		if (hot->end > 0 || params.offset != target.start)
			return -EINVAL;
		hot->start = target.start;
		hot->end = target.start + target.length;
	}
	return 0;
}

struct hot_query {
	dev_t hotzone;
	struct px_dm_hot hot;
};

static int look_for_hot(const char *overlay, void *arg)
{
	struct hot_query *query = arg;
	auto_task *task = NULL;
	int r = read_table(overlay, &task);

	return r < 0 ? r : find_hot(task, query->hotzone, &query->hot);
}

int px_dm_stack_hot(const struct px_dm_stack *stack, struct px_dm_hot *ret_hot)
{
	struct hot_query query = { .hotzone = stack->hotzone_devno };
	int r = px_dm_quietly(look_for_hot, stack->overlay, &query);

	if (r == 0)
		*ret_hot = query.hot;
	return r;
}

/* The same line, on the disk. */
static int add_on_disk(struct dm_task *reload, const struct px_dm_stack *stack,
		       const struct target *target, const struct crypt_params *params)
{
	px_auto(secret) struct px_secret *text = NULL;
	size_t size = strlen(target->params) + 64;
	int r = px_secret_new(size, &text), len;

	if (r < 0)
		return r;
	len = snprintf((char *)px_secret_data(text), size, "%.*s%u:%u %" PRIu64 "%s", params->head,
		       target->params, major(stack->disk), minor(stack->disk),
		       stack->data_offset + params->offset, params->rest);
	if (len < 0 || (size_t)len >= size)
		return -EINVAL;
	return dm_task_add_target(reload, target->start, target->length, target->type,
				  (char *)px_secret_data(text))
		       ? 0
		       : -ENOMEM;
}

/* What lies before the hot part has its key already, so that it becomes one with it. */
static int copy_table(struct dm_task *table, struct dm_task *reload,
		      const struct px_dm_stack *stack, const struct px_dm_hot *hot)
{
	struct crypt_params params;
	struct target target;
	bool begun = false;
	void *at = NULL;
	int r = 0;

	while (r == 0 && next_target(table, &at, &begun, &target) == 1) {
		r = parse_crypt(&target, &params);
		if (r < 0)
			return r;
		if (params.device == stack->hotzone_devno && target.start > 0)
			continue;
		if (params.device == stack->hotzone_devno) {
			r = add_on_disk(reload, stack, &target, &params);
			continue;
		}
		if (target.start + target.length == hot->start)
			target.length = hot->end - target.start;
		r = dm_task_add_target(reload, target.start, target.length, target.type,
				       target.params)
			    ? 0
			    : -ENOMEM;
	}
	return r;
}

static int replace(const char *name, void *arg)
{
	const struct px_dm_stack *stack = arg;
	auto_task *reload = dm_task_create(DM_DEVICE_RELOAD);
	auto_task *table = NULL;
	struct px_dm_hot hot;
	int r;

	if (!reload || !dm_task_set_name(reload, name) || !dm_task_secure_data(reload))
		return -ENOMEM;
	r = read_table(stack->overlay, &table);
	if (r == 0)
		r = find_hot(table, stack->hotzone_devno, &hot);
	if (r == 0)
		r = copy_table(table, reload, stack, &hot);
	return r == 0 ? px_dm_run(reload) : r;
}

int px_dm_stack_replace(const struct px_dm_stack *stack)
{
	struct px_dm_stack copy = *stack;

	return px_dm_quietly(replace, stack->name, &copy);
}

static int resume(const char *name, void *unused)
{
	auto_task *task = dm_task_create(DM_DEVICE_RESUME);

	(void)unused;
	if (!task)
		return -ENOMEM;
	return dm_task_set_name(task, name) && dm_task_no_flush(task) && dm_task_skip_lockfs(task)
		       ? px_dm_run(task)
		       : -EINVAL;
}

int px_dm_resume(const char *name)
{
	return px_dm_quietly(resume, name, NULL);
}

static int forget(const char *name, void *unused)
{
	auto_task *task = dm_task_create(DM_DEVICE_CLEAR);

	(void)unused;
	if (!task)
		return -ENOMEM;
	return dm_task_set_name(task, name) ? px_dm_run(task) : -EINVAL;
}

int px_dm_forget(const char *name)
{
	return px_dm_quietly(forget, name, NULL);
}

struct alias {
	const char *dm_uuid;
	dev_t device;
	uint64_t sectors;
};

/* udev has no business with it: it would take it for another volume. Its node is libdevmapper's. */
static int make_alias(const char *name, void *arg)
{
	const struct alias *alias = arg;
	auto_task *task = dm_task_create(DM_DEVICE_CREATE);
	char place[64];
	uint32_t cookie = 0;
	int r;

	snprintf(place, sizeof(place), "%u:%u 0", major(alias->device), minor(alias->device));
	if (!task || !dm_task_set_name(task, name) || !dm_task_set_uuid(task, alias->dm_uuid) ||
	    !dm_task_add_target(task, 0, alias->sectors, "linear", place))
		return -ENOMEM;
	if (!dm_task_set_cookie(task, &cookie,
				DM_UDEV_DISABLE_SUBSYSTEM_RULES_FLAG |
					DM_UDEV_DISABLE_DISK_RULES_FLAG |
					DM_UDEV_DISABLE_OTHER_RULES_FLAG))
		return -EIO;
	r = px_dm_run(task);
	dm_udev_wait(cookie);
	dm_task_update_nodes();
	return r;
}

int px_dm_alias(const char *name, const char *dm_uuid, dev_t device, uint64_t sectors)
{
	struct alias alias = { .dm_uuid = dm_uuid, .device = device, .sectors = sectors };

	return px_dm_quietly(make_alias, name, &alias);
}
