/* Options that training verbs share. */
#ifndef CLI_TRAINING_H
#define CLI_TRAINING_H

#include "cli.h"

/* What the command line said. Strings read from files are owned: cli_training_release. */
typedef struct cli_training {
    mote_train_options options;
    char *policy, *model; /* texts of files, or NULL */
    char *command;        /* what was typed */
    long threads;
    bool json;
} cli_training;

/* The lines of --help that explain the shared options. */
#define CLI_TRAINING_HELP                                                                                              \
    "data:\n"                                                                                                          \
    "  FILE...              FASTA or FASTQ, plain, gzip or bgzip; none: genes from a simulated genome whose entropy\n" \
    "                       rate is known\n"                                                                           \
    "  --vocabulary NAME    byte (a base a token), kmer:2 to kmer:6, codon (64 and specials), protein (ESM-2's)\n"     \
    "  --validation PART    of the data, held out (default 0.05)\n"                                                    \
    "  --split HOW          record, block or auto (by record from 20 records on)\n"                                    \
    "  --one-strand         do not train on reverse complements\n"                                                     \
    "model:\n"                                                                                                         \
    "  --model NAME|FILE    gpt-tiny gpt-small gpt-medium llama-mini llama-tiny llama-small esm-tiny esm-small, or a " \
    "JSON file\n"                                                                                                      \
    "  --layers N --width N --heads N --context N\n"                                                                   \
    "  --dropout P\n"                                                                                                  \
    "  --policy NAME|FILE   number formats: fp32 bf16 fp16 mxint8 mxfp8 mxfp6 mxfp6_e2m3 mxfp4-w_mxfp6-ag mxfp4 "      \
    "nvfp4\n"                                                                                                          \
    "                       (default mxfp6_e2m3), or a JSON file with rules by layer (docs/training.md)\n"             \
    "recipe:\n"                                                                                                        \
    "  --steps N --batch N --accumulation N      (default 1000, 8 sequences, 1 part)\n"                                \
    "  --rate X --schedule cosine|linear|constant --warmup N --minimum-rate PART\n"                                    \
    "  --optimizer adamw|adamw8|sgd --beta1 X --beta2 X --weight-decay X --clip NORM --average DECAY\n"                \
    "  --seed N\n"                                                                                                     \
    "limits:\n"                                                                                                        \
    "  --memory SIZE        such as 800M or 4G: obeyed by computing blocks twice, or refused with what would work\n"   \
    "  --threads N\n"                                                                                                  \
    "energy:\n"                                                                                                        \
    "  --profile NAME|FILE  a machine whose time and joules are modelled; mote info --energy lists them\n"             \
    "  --idle SECONDS       measure what the idle machine draws, before the first step\n"

/* Parses argv; false after complaining. verb: for messages; output: accepts -o, --resume and what writes. */
bool cli_training_parse(const char *verb, int argc, char **argv, cli_training *training);
void cli_training_release(cli_training *training);

#endif
