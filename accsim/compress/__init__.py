"""Compression: a trained network becomes the network that hardware sees, pass by pass.

A :class:`~accsim.compress.model.Model` is a network with the values of its parameters. A pass
(``accsim.compress.passes``) takes a model and gives another: weights projected onto the values that a code can hold, or
layers rewritten. Passes compose in any order that makes sense, and the model records the order.

A layer that has been compressed is described by seven attributes that do not depend on each other:

=============  =====================================================================================================
shape          the network's own layers: a factorised layer has become a chain, a pruned one is smaller
weight code    what a stored weight is: ``codes`` (float, uniform, binary, ternary, power of two, codebook, planes ...)
bits           of a weight (its code), of an activation and of an accumulator (``model.ActivationCode``)
scale          one real factor per layer, filter, pixel of the kernel or group of channels (``grain.Scale``)
sparsity       which weights are zero (``model.LayerParameters.kept``), and in what grain they were pruned
encoding       how the codes are stored (``encodings``), chosen and costed layer by layer
extra work     requantising, zero points, look-ups, transforms (``codes.Code.extra``)
=============  =====================================================================================================

A recipe (``recipe``, ``recipe_reader``) is a YAML file of passes, or of what was published of each layer;
``compressed`` puts it on a network, ``storage`` says what each layer takes in memory, ``table`` and ``archive`` what is
told and written of it. ``methods`` lists the published methods, and what there is here for each.

Errors are reported as relative l2, SQNR, zero fraction and entropy, and never called accuracy.
"""
