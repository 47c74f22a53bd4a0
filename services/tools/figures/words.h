/* Figures in words: tables for a terminal, from the JSON that judge.c made. */
#ifndef VU_FIGURES_WORDS_H
#define VU_FIGURES_WORDS_H

#include <jansson.h>
#include <stdio.h>

/* One list: decisions, people, groups, attacks. */
void words_print_details(const json_t *list, FILE *out);

/* The figures of merit of all lists; begins with the heading. */
void words_print_heading(FILE *out);
void words_print_summary(const json_t *list, FILE *out);

#endif
