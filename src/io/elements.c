/* The symbols in order (IUPAC, periodic table of 2018). */
#include "io/elements.h"

#include <string.h>

static const char symbols[MOTE_ELEMENTS][3] = {
    "H",  "He", "Li", "Be", "B",  "C",  "N",  "O",  "F",  "Ne", "Na", "Mg", "Al", "Si", "P",  "S",  "Cl",
    "Ar", "K",  "Ca", "Sc", "Ti", "V",  "Cr", "Mn", "Fe", "Co", "Ni", "Cu", "Zn", "Ga", "Ge", "As", "Se",
    "Br", "Kr", "Rb", "Sr", "Y",  "Zr", "Nb", "Mo", "Tc", "Ru", "Rh", "Pd", "Ag", "Cd", "In", "Sn", "Sb",
    "Te", "I",  "Xe", "Cs", "Ba", "La", "Ce", "Pr", "Nd", "Pm", "Sm", "Eu", "Gd", "Tb", "Dy", "Ho", "Er",
    "Tm", "Yb", "Lu", "Hf", "Ta", "W",  "Re", "Os", "Ir", "Pt", "Au", "Hg", "Tl", "Pb", "Bi", "Po", "At",
    "Rn", "Fr", "Ra", "Ac", "Th", "Pa", "U",  "Np", "Pu", "Am", "Cm", "Bk", "Cf", "Es", "Fm", "Md", "No",
    "Lr", "Rf", "Db", "Sg", "Bh", "Hs", "Mt", "Ds", "Rg", "Cn", "Nh", "Fl", "Mc", "Lv", "Ts", "Og"};

int mote_element_find(const char *text, size_t length)
{
    for (int i = 0; i < MOTE_ELEMENTS; i++) {
        if (strlen(symbols[i]) == length && memcmp(symbols[i], text, length) == 0) {
            return i + 1;
        }
    }
    return 0;
}

const char *mote_element_symbol(int number) { return symbols[number - 1]; }

int mote_element_begin(const char *text, size_t size, size_t *length)
{
    for (*length = size < 2 ? size : 2; *length > 0; --*length) {
        int number = mote_element_find(text, *length);
        if (number > 0) {
            return number;
        }
    }
    return 0;
}
