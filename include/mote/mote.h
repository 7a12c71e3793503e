/* mote, the MicroscOpic Tensor Engine: the whole public API.
 *
 *   mote/status.h     status codes
 *   mote/context.h    the handle: threads, instruction set, memory, messages
 *   mote/format.h     number formats and tensor layouts
 *   mote/quantize.h   FP32 arrays to tensors and back
 *   mote/file.h       npy, npz, pt, safetensors, GGUF
 *   mote/cast.h       whole files
 *   mote/matmul.h     products of matrices
 *   mote/linear.h     linear layers, convolutions, policies
 *   mote/attention.h  attention; mote/evoformer.h: with biases and a gate
 *   mote/graph.h      graphs, policies, plans; mote/operations.h: what graphs are made of
 *   mote/optimizer.h  from gradients to parameters
 *   mote/model.h      language models of sequences; mote/train.h: training and evaluating them
 *   mote/trunk.h      AlphaFold 2's trunk; mote/structure_module.h: what it feeds; mote/weights.h: their parameters in
 *                     files
 *   mote/fold.h       structures from alignments
 *   mote/report.h     training runs as an HTML page
 *   mote/machine.h    what this machine is and can measure; mote/energy.h: joules, measured and modelled
 *
 * A first program (examples/quantize.c):
 *
 *   mote_context *context;
 *   char message[256];
 *   if (mote_context_create(NULL, &context, message, sizeof message) != MOTE_OK) { puts(message); return 1; }
 *   mote_tensor w = {.layout = {.format = MOTE_MXFP4_E2M1, .rank = 2, .axis = 1, .shape = {rows, columns}}};
 *   mote_layout_sizes sizes;
 *   mote_layout_measure(context, &w.layout, &sizes);
 *   w.elements = malloc(sizes.element_bytes);
 *   w.scales = malloc(sizes.scale_bytes);
 *   if (mote_quantize(context, x, NULL, NULL, &w) != MOTE_OK) { puts(mote_context_message(context)); }
 */
#ifndef MOTE_MOTE_H
#define MOTE_MOTE_H

#include "mote/attention.h"
#include "mote/cast.h"
#include "mote/context.h"
#include "mote/energy.h"
#include "mote/evoformer.h"
#include "mote/file.h"
#include "mote/fold.h"
#include "mote/format.h"
#include "mote/graph.h"
#include "mote/linear.h"
#include "mote/machine.h"
#include "mote/matmul.h"
#include "mote/model.h"
#include "mote/operations.h"
#include "mote/optimizer.h"
#include "mote/quantize.h"
#include "mote/report.h"
#include "mote/status.h"
#include "mote/structure_module.h"
#include "mote/study.h"
#include "mote/train.h"
#include "mote/trunk.h"
#include "mote/weights.h"

#endif
