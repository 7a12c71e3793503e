/* Symbols of the chemical elements. */
#ifndef MOTE_IO_ELEMENTS_H
#define MOTE_IO_ELEMENTS_H

#include <stddef.h>

enum { MOTE_ELEMENTS = 118 };

/* The atomic number of the element whose symbol is length bytes of text, "Fe"; 0 where there is none. */
int mote_element_find(const char *text, size_t length);

/* "Fe" of 26; number is 1 to MOTE_ELEMENTS. Static storage. */
const char *mote_element_symbol(int number);

/* Of the longest symbol that text begins with, its length in *length; 0 where there is none. */
int mote_element_begin(const char *text, size_t size, size_t *length);

#endif
