# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""The common tests that do not run on our classes, each with its reason.

Keys are patterns of `TestClass.test_name`. A common test that skips itself without being named here fails
(conftest.py), so a check that silently stops applying is noticed.
"""

ATTENTION = "a convolutional network: it has no attention"
EMBEDDINGS = "images come in as pixels: there are no token embeddings"
POSITIONS = "there are no position embeddings"
LANGUAGE = "not a language model"
HIDDEN_STATES = "the features at four strides and five grids are no list of equal hidden states, and are not returned"
EXPERTS = "there are no experts"
CONVERSION = "checkpoints are saved under the model's own names: there is no mapping of old ones"

# Never run.
NOT_APPLICABLE = {
    "*ModelTest.test_attention_outputs": ATTENTION,
    "*ModelTest.test_attn_implementation_composite_models": ATTENTION,
    "*ModelTest.test_can_set_attention_dynamically*": ATTENTION,
    "*ModelTest.test_eager_matches_sdpa_inference*": ATTENTION,
    "*ModelTest.test_flash_attn_*": ATTENTION,
    "*ModelTest.test_flex_attention_with_grads": ATTENTION,
    "*ModelTest.test_sdpa_*": ATTENTION,
    "*ModelTest.test_sliding_window_mask": ATTENTION,
    "*ModelTest.test_hidden_states_output": HIDDEN_STATES,
    "*ModelTest.test_retain_grad_hidden_states_attentions": HIDDEN_STATES,
    "*ModelTest.test_capture_outputs_decorator": HIDDEN_STATES,
    "*ModelTest.test_can_capture_specific_layers_hidden_states": HIDDEN_STATES,
    "*ModelTest.test_model_get_set_embeddings": EMBEDDINGS,
    "*ModelTest.test_enable_input_require_grads_with_gradient_checkpointing": EMBEDDINGS,
    "*ModelTest.test_inputs_embeds*": EMBEDDINGS,
    "*ModelTest.test_resize_*embeddings*": EMBEDDINGS,
    "*ModelTest.test_model_rope_*": POSITIONS,
    "*ModelTest.test_vision_axial_rope": POSITIONS,
    "*ModelTest.test_causal_lm_loss_honors_shift_labels": LANGUAGE,
    "*ModelTest.test_encoder_decoder_loss_no_double_shift": LANGUAGE,
    "*ModelTest.test_torch_compile_for_training": LANGUAGE,
    "*ModelTest.test_eager_matches_batched_and_grouped_inference*": EXPERTS,
    "*ModelTest.test_moe_models_record_router_logits": EXPERTS,
    "*ModelTest.test_output_router_logits_from_config": EXPERTS,
    "*ModelTest.test_can_load_from_already_mapped_keys": CONVERSION,
    "*ModelTest.test_reverse_loading_mapping": CONVERSION,
    "*ModelTest.test_keep_in_fp32_modules*": "no module asks to stay in float32",
    "*ModelTest.test_tp_plan_matches_params": "there is no tensor-parallel plan",
    "*ModelTest.test_tied_head_has_a_tp_plan_entry": "there is no tensor-parallel plan",
    "MaskRefineNet*ModelTest.test_torch_save_load": "compares a head with its base model, and there is one class only",
    "*ImageProcessingTest.test_image_processor_preprocess_arguments": "checks a decorator that transformers gave up",
    "*ImageProcessingTest.test_pil_can_run_without_torchvision": (
        "its fresh process does not import this package; all other tests of this project run without torchvision"
    ),
}

# Run where torchvision is on the path, as under `make common-tests`; this project does not depend on it.
NEEDS_TORCHVISION = {
    "*ImageProcessingTest.test_backends_equivalence*": "needs torchvision",
    "*ImageProcessingTest.test_save_load_backends*": "needs torchvision",
    "*ImageProcessingTest.test_fast_image_processor_explicit_none_preserved": "needs torchvision",
    "*ImageProcessingTest.test_new_models_require_torchvision_backend": "needs torchvision",
}

# Our own tests against timm, which cannot be imported without torchvision.
NEEDS_TIMM = {"*_timm*": "needs timm and torchvision"}

# Skip themselves where something else is missing that they need.
MAY_SKIP = {
    "*ModelTest.test_can_load_with_device_context_manager": "needs an accelerator",
    "*ModelTest.test_can_load_with_global_device_set": "needs an accelerator",
    "*ModelTest.test_cpu_offload": "needs an accelerator",
    "*ModelTest.test_disk_offload_*": "needs an accelerator",
    "*ModelTest.test_model_parallelism": "needs two accelerators",
    "*ModelTest.test_kernels_can_load_without_crashing": "needs the package kernels and an accelerator",
    "*ImageProcessingTest.test_can_compile_torchvision_backend": "needs torchvision, an accelerator and RUN_SLOW=1",
    "*ImageProcessingTest.test_override_instance_attributes_does_not_affect_other_instances": (
        "needs a plain dictionary as `size`, which this version of transformers makes a SizeDict"
    ),
}
