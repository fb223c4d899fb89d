#!/usr/bin/env python3
"""Writes tests/golden/native.gguf: the decoder of tests/golden/native as GGUF names its keys and tensors (gguf-py,
`constants.py`), with experts in one tensor, a list of windows and factors of rotary frequencies.

    pip install gguf safetensors && python tests/reference/native_gguf.py
"""
import json
import pathlib

import gguf
import numpy as np
from safetensors.numpy import load_file
golden = pathlib.Path(__file__).parent.parent / 'golden'
src, out = str(golden / 'native'), str(golden / 'native.gguf')
c=json.load(open(src+'/config.json')); t=c['text_config']; w=load_file(src+'/model.safetensors')
tok=json.load(open(src+'/tokenizer.json'))
W=gguf.GGUFWriter(out,'gemma4')
L=t['num_hidden_layers']; types=t['layer_types']
W.add_uint32('gemma4.block_count',L); W.add_uint32('gemma4.embedding_length',t['hidden_size']); W.add_uint32('gemma4.feed_forward_length',t['intermediate_size'])
W.add_uint32('gemma4.context_length',t['max_position_embeddings']); W.add_uint32('gemma4.attention.head_count',t['num_attention_heads'])
W.add_array('gemma4.attention.head_count_kv',[t['num_key_value_heads']]*L)
W.add_uint32('gemma4.attention.key_length',16); W.add_uint32('gemma4.attention.key_length_swa',t['head_dim'])
W.add_uint32('gemma4.attention.sliding_window',t['sliding_window']); W.add_array('gemma4.attention.sliding_window_pattern',[x=='sliding_attention' for x in types])
W.add_float32('gemma4.rope.freq_base',1e6); W.add_float32('gemma4.rope.freq_base_swa',1e4); W.add_float32('gemma4.final_logit_softcapping',30.0)
W.add_float32('gemma4.attention.layer_norm_rms_epsilon',1e-6)
W.add_uint32('gemma4.expert_count',t['num_experts']); W.add_uint32('gemma4.expert_used_count',t['top_k_experts']); W.add_uint32('gemma4.expert_feed_forward_length',t['moe_intermediate_size'])
n=t['vocab_size']; toks=[f'<unused{i}>' for i in range(n)]; ty=[3]*n
for k,v in tok['model']['vocab'].items(): toks[v]=k; ty[v]=1
for a in tok['added_tokens']: toks[a['id']]=a['content']; ty[a['id']]=3 if a['special'] else 4
W.add_string('tokenizer.ggml.model','gpt2'); W.add_string('tokenizer.ggml.pre','llama-bpe'); W.add_array('tokenizer.ggml.tokens',toks); W.add_array('tokenizer.ggml.token_type',ty)
W.add_array('tokenizer.ggml.merges',[' '.join(m) if isinstance(m,list) else m for m in tok['model']['merges']])
W.add_uint32('tokenizer.ggml.bos_token_id',t['bos_token_id']); W.add_uint32('tokenizer.ggml.eos_token_id',t['eos_token_id']); W.add_bool('tokenizer.ggml.add_bos_token',True)
m={'input_layernorm':'attn_norm','post_attention_layernorm':'post_attention_norm','pre_feedforward_layernorm':'ffn_norm','post_feedforward_layernorm':'post_ffw_norm','pre_feedforward_layernorm_2':'pre_ffw_norm_2','post_feedforward_layernorm_1':'post_ffw_norm_1','post_feedforward_layernorm_2':'post_ffw_norm_2','self_attn.q_proj':'attn_q','self_attn.k_proj':'attn_k','self_attn.v_proj':'attn_v','self_attn.o_proj':'attn_output','self_attn.q_norm':'attn_q_norm','self_attn.k_norm':'attn_k_norm','mlp.gate_proj':'ffn_gate','mlp.up_proj':'ffn_up','mlp.down_proj':'ffn_down','router.proj':'ffn_gate_inp'}
P='model.language_model.'
for k,v in w.items():
    if not k.startswith(P): continue
    k=k[len(P):]; v=v.astype(np.float32)
    if k=='embed_tokens.weight': name='token_embd.weight'
    elif k=='norm.weight': name='output_norm.weight'
    else:
        _,i,r=k.split('.',2)
        if r=='layer_scalar': name=f'blk.{i}.layer_output_scale.weight'
        elif r=='router.scale': name=f'blk.{i}.ffn_gate_inp.scale'
        elif r=='router.per_expert_scale': name=f'blk.{i}.ffn_down_exps.scale'
        elif r=='experts.gate_up_proj': name=f'blk.{i}.ffn_gate_up_exps.weight'
        elif r=='experts.down_proj': name=f'blk.{i}.ffn_down_exps.weight'
        else: name=f'blk.{i}.{m[r[:-7]]}.weight'
    W.add_tensor(name,v)
W.add_tensor('rope_freqs.weight',np.array([1.0]*2+[1e30]*6,dtype=np.float32))
W.write_header_to_file(); W.write_kv_data_to_file(); W.write_tensors_to_file(); W.close()
