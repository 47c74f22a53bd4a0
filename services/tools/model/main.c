/*
 * vu-model: looks into model files, and makes smaller ones of backgrounds.
 *
 *   vu-model info FILE...     kind, version, size, hash, sections, texts
 *   vu-model verify FILE...   whether each is whole and of a known kind
 *   vu-model convert f32|f16|i8|same FILE OUT [PRUNE]   a background with other numbers, or fewer
 *
 * Exit codes: 0 all good, 1 one is not, 2 usage.
 */
#include "base/log.h"
#include "ml/background.h"
#include "ml/background_convert.h"
#include "ml/model_file.h"
#include "ml/template.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char USAGE[] = "usage: vu-model info|verify FILE...\n"
                            "       vu-model convert f32|f16|i8|same FILE OUT [PRUNE]\n"
                            "\n"
                            "  info    shows what a model file holds\n"
                            "  verify  checks format, hash, and that its sections fit its kind\n"
                            "  convert stores a background's numbers in another size, without the share PRUNE\n"
                            "          (0 to 0.9) of its mixture; templates have to be made for it\n";

static void print_text(const vu_model_section *section)
{
	printf("  ");
	for (size_t i = 0; i < section->bytes; i++) {
		char c = ((const char *)section->data)[i];
		putchar(c == '\n' ? ' ' : c >= 0 && c < 32 ? '?' : c);
	}
}

static bool is_text(const char *name)
{
	static const char *const names[] = {"extractor", "corpora", "scorer", "background", "user", "namespace"};

	for (size_t i = 0; i < sizeof names / sizeof *names; i++)
		if (strcmp(names[i], name) == 0)
			return true;
	return false;
}

static void show(const char *path, const vu_model_file *file)
{
	char hash[VU_MODEL_HASH_HEX_SIZE];

	vu_model_file_hash_hex(file, hash);
	printf("%s: %s, format %u, %zu bytes\n  hash %s\n", path, vu_model_kind_name(vu_model_file_kind(file)),
	       vu_model_file_version(file), vu_model_file_bytes(file), hash);
	for (size_t i = 0; i < vu_model_file_section_count(file); i++) {
		vu_model_section section;
		vu_model_file_section_at(file, i, &section);
		printf("  %-15s %-5s %4u x %-4u %8zu bytes", section.name, vu_model_element_name(section.element),
		       section.rows, section.columns, section.bytes);
		if (section.element == VU_ELEMENT_BYTES && is_text(section.name))
			print_text(&section);
		putchar('\n');
	}
}

/* Beyond format and hash: do the sections make a model of the file's kind? Takes the file over. */
static vu_status verify_kind(vu_model_file *file, vu_error *error)
{
	vu_background *background;
	vu_background_scaler *scaler = NULL;
	vu_background_projection *projection = NULL;
	vu_template *voice_template;
	vu_status status;

	switch (vu_model_file_kind(file)) {
	case VU_MODEL_BACKGROUND:
		status = vu_background_create(file, &background, error);
		if (status != VU_OK)
			return status;
		status = vu_background_load_scaler(background, &scaler, error);
		if (status == VU_OK)
			status = vu_background_load_projection(background, VU_BACKGROUND_COMPONENTS_MAX, &projection,
			                                       error);
		free(projection);
		free(scaler);
		vu_background_destroy(background);
		return status;
	case VU_MODEL_TEMPLATE:
		status = vu_template_create(file, &voice_template, error);
		if (status == VU_OK)
			vu_template_destroy(voice_template);
		return status;
	case VU_MODEL_DETECTOR:
		vu_model_file_close(file);
		return VU_OK;
	default:
		status = vu_fail(error, VU_UNIMPLEMENTED,
		                 "unable to verify model %s: it is of an unknown kind; update Voice Unlock",
		                 vu_model_file_name(file));
		vu_model_file_close(file);
		return status;
	}
}

static vu_status convert(vu_model_element element, const char *from, const char *to, double prune, vu_error *error)
{
	vu_model_file *file = NULL;
	vu_model_writer *writer = NULL;
	vu_status status = vu_model_file_open(from, VU_MODEL_BACKGROUND, true, &file, error);

	if (status != VU_OK)
		return status;
	status = vu_model_writer_create(VU_MODEL_BACKGROUND, &writer);
	if (status != VU_OK)
		vu_fail(error, status, "unable to convert %s: out of memory", from);
	else
		status = vu_background_convert(file, element, prune, writer, error);
	if (status == VU_OK)
		status = vu_model_writer_save(writer, to, error);
	vu_model_writer_destroy(writer);
	vu_model_file_close(file);
	return status;
}

static int convert_main(int argc, char **argv)
{
	static const vu_model_element elements[] = {VU_ELEMENT_F32, VU_ELEMENT_F16, VU_ELEMENT_I8, 0};
	vu_error error = {VU_OK, ""};
	char *end = NULL;
	double prune = argc == 6 ? strtod(argv[5], &end) : 0;

	for (size_t i = 0; i < sizeof elements / sizeof *elements; i++) {
		const char *name = elements[i] ? vu_model_element_name(elements[i]) : "same";
		if (strcmp(argv[2], name) != 0 || (end && (end == argv[5] || *end)))
			continue;
		if (convert(elements[i], argv[3], argv[4], prune, &error) == VU_OK)
			return 0;
		fprintf(stderr, "vu-model: %s\n", error.message);
		return 1;
	}
	fputs(USAGE, stderr);
	return 2;
}

int main(int argc, char **argv)
{
	bool info;
	int code = 0;

	vu_log_init("model");
	if (argc == 2 && strcmp(argv[1], "--help") == 0) {
		fputs(USAGE, stdout);
		return 0;
	}
	if ((argc == 5 || argc == 6) && strcmp(argv[1], "convert") == 0)
		return convert_main(argc, argv);
	if (argc < 3 || (strcmp(argv[1], "info") != 0 && strcmp(argv[1], "verify") != 0)) {
		fputs(USAGE, stderr);
		return 2;
	}
	info = strcmp(argv[1], "info") == 0;
	for (int i = 2; i < argc; i++) {
		vu_model_file *file;
		vu_error error = {VU_OK, ""};
		vu_status status = vu_model_file_open(argv[i], VU_MODEL_ANY, true, &file, &error);
		if (status == VU_OK && info) {
			show(argv[i], file);
			vu_model_file_close(file);
		} else if (status == VU_OK) {
			status = verify_kind(file, &error);
			if (status == VU_OK)
				printf("%s: good\n", argv[i]);
		}
		if (status != VU_OK) {
			fprintf(stderr, "vu-model: %s\n", error.message);
			code = 1;
		}
	}
	return code;
}
