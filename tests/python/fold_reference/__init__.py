"""AlphaFold 2 in FP64, written from its supplement (Jumper et al. 2021) and, for the multimer, from Evans et al. 2021: what tests hold mote's model against. Nothing here comes from mote.

The same text runs on numpy (with gradients by reference_tape, and nothing to compile), jax and torch:
b = reference_models.backend("numpy").

  names.sizes("monomer"), names.small("multimer_v3")   the sizes c of a model, full or for tests
  names.random_weights(c, seed)                        a flat dict of parameters by OpenFold's names
  names.write_npz(path, c, weights)                    the same as AlphaFold 2's own file
  names.write_openfold(path, weights)                  the same as .safetensors or .pt
  names.read(path, c)                                  any of the three back
  names.json                                           every key, shape, transform and OpenFold name of the three published kinds
  features.random_batch(c, seed)                       an input with ground truth
  model.fold(b, c, weights, batch)                     one round: representations, structure, scores of the heads
  model.rounds(b, c, weights, batch, count)            with recycling
  model.loss_and_gradients(b, c, batch)(weights)       the training loss, its terms and all gradients
  modules.*, structure.*, losses.*                     each module alone, with its algorithm's number
  residues.TABLES                                      all that is known of amino acids, from residues.json

In a row of names.json: the key without "alphafold/alphafold_iteration/", the shape (blocks first in a stack), the transform of
a block to OpenFold's tensor (names.to_openfold), OpenFold's name ({} for the block), and the kinds of file that have it.
"""
