// RUN: mxfp4-opt %s --mxfp4-number-ops --mlir-print-debuginfo --mlir-print-local-scope --split-input-file | FileCheck %s

/// Ops that work on memory, in order. The weight is known by the name of its
/// argument. A layer that is called twice counts twice.
// CHECK:       module attributes {mxfp4.ops = [
// CHECK-SAME:    {cost = {bytes = 2112 : i64, bytes_per_token = 256 : i64, flops_per_token = 2048 : i64}, function = "layer", op = "nn.linear", weight = "weight"},
// CHECK-SAME:    {cost = {bytes_per_token = 128 : i64}, function = "layer", op = "linalg.fill", weight = ""},
// CHECK-SAME:    {cost = {bytes_per_token = 196 : i64}, function = "decode", op = "nn.embedding", weight = "table"}]}
module {
  // CHECK:       func.func private @layer
  // CHECK:         tensor.empty({{.+}}) : tensor<?x32xf32> loc("
  // CHECK:         nn.linear {{.+}} loc(fused<#mxfp4.op_number<0>>["{{.*}}number-ops.mlir":
  // CHECK:         linalg.fill {{.+}} loc(fused<#mxfp4.op_number<1>>["{{.*}}number-ops.mlir":
  func.func private @layer(%x: tensor<?x32xf32> loc("x"), %weight: tensor<32x32xbf16> loc("weight"),
                           %bias: tensor<32xbf16> loc("bias")) -> (tensor<?x32xf32>, tensor<?x32xf32>) {
    %c0 = arith.constant 0 : index
    %zero = arith.constant 0.0 : f32
    %tokens = tensor.dim %x, %c0 : tensor<?x32xf32>
    %init = tensor.empty(%tokens) : tensor<?x32xf32>
    %y = nn.linear ins(%x, %weight : tensor<?x32xf32>, tensor<32x32xbf16>)
        bias(%bias : tensor<32xbf16>)
        outs(%init : tensor<?x32xf32>) -> tensor<?x32xf32>
    %z = linalg.fill ins(%zero : f32) outs(%init : tensor<?x32xf32>) -> tensor<?x32xf32>
    return %y, %z : tensor<?x32xf32>, tensor<?x32xf32>
  }
  // CHECK:       func.func @decode
  // CHECK-SAME:    mxfp4.op_counts = array<i64: 2, 2, 1>
  func.func @decode(%ids: tensor<?xi32> loc("ids"), %table: tensor<100x32xbf16> loc("table"),
                    %weight: tensor<32x32xbf16>, %bias: tensor<32xbf16>, %init: tensor<?x32xf32>)
      -> (tensor<?x32xf32>, tensor<?x32xf32>) attributes {mxfp4.entry = "decode", mxfp4.max_tokens = 4 : i64} {
    %x = nn.embedding ins(%ids, %table : tensor<?xi32>, tensor<100x32xbf16>)
        outs(%init : tensor<?x32xf32>) -> tensor<?x32xf32>
    %y:2 = call @layer(%x, %weight, %bias) : (tensor<?x32xf32>, tensor<32x32xbf16>, tensor<32xbf16>) -> (tensor<?x32xf32>, tensor<?x32xf32>)
    %z:2 = call @layer(%y#0, %weight, %bias) : (tensor<?x32xf32>, tensor<32x32xbf16>, tensor<32xbf16>) -> (tensor<?x32xf32>, tensor<?x32xf32>)
    return %z#0, %z#1 : tensor<?x32xf32>, tensor<?x32xf32>
  }
  // CHECK:       func.func @prepare
  // CHECK-NOT:     mxfp4.op
  func.func @prepare(%source: memref<64xf32>, %init: memref<64xf32>)
      attributes {mxfp4.entry = "prepare"} {
    linalg.copy ins(%source : memref<64xf32>) outs(%init : memref<64xf32>)
    return
  }
}

// -----

/// Experts: of all tokens together as many are read as are chosen at most. A
/// static number of tokens is known at once.
// CHECK:       module attributes {mxfp4.ops = [
// CHECK-SAME:    {cost = {bytes_per_expert = 1152 : i64, bytes_per_token = 784 : i64, experts = 8 : i64, experts_per_token = 4 : i64, flops_per_token = 16384 : i64}, function = "some",
// CHECK-SAME:    {cost = {bytes = 5136 : i64, flops = 16384 : i64}, function = "one",
// CHECK-SAME:    {cost = {bytes = 87104 : i64, flops = 1638400 : i64}, function = "many",
func.func @some(%x: tensor<?x64xf32>, %values: tensor<8x32x64xf4E2M1FN>, %scales: tensor<8x32x2xf8E8M0FNU>,
                %bias: tensor<8x32xbf16>, %experts: tensor<?x4xi32>, %init: tensor<?x4x8xf32>) -> tensor<?x4x32xf32> {
  %c0 = arith.constant 0 : index
  %tokens = tensor.dim %x, %c0 : tensor<?x64xf32>
  %empty = tensor.empty(%tokens) : tensor<?x4x32xf32>
  %y = mxfp4.matmul_by_expert ins(%x, %values, %scales, %experts : tensor<?x64xf32>, tensor<8x32x64xf4E2M1FN>, tensor<8x32x2xf8E8M0FNU>, tensor<?x4xi32>)
      bias(%bias : tensor<8x32xbf16>) outs(%empty : tensor<?x4x32xf32>) -> tensor<?x4x32xf32>
  return %y : tensor<?x4x32xf32>
}
func.func @one(%x: tensor<1x64xf32>, %values: tensor<8x32x64xf4E2M1FN>, %scales: tensor<8x32x2xf8E8M0FNU>,
               %experts: tensor<1x4xi32>) -> tensor<1x4x32xf32> {
  %empty = tensor.empty() : tensor<1x4x32xf32>
  %y = mxfp4.matmul_by_expert ins(%x, %values, %scales, %experts : tensor<1x64xf32>, tensor<8x32x64xf4E2M1FN>, tensor<8x32x2xf8E8M0FNU>, tensor<1x4xi32>)
      outs(%empty : tensor<1x4x32xf32>) -> tensor<1x4x32xf32>
  return %y : tensor<1x4x32xf32>
}
func.func @many(%x: tensor<100x64xf32>, %values: tensor<8x32x64xf4E2M1FN>, %scales: tensor<8x32x2xf8E8M0FNU>,
                %experts: tensor<100x4xi32>) -> tensor<100x4x32xf32> {
  %empty = tensor.empty() : tensor<100x4x32xf32>
  %y = mxfp4.matmul_by_expert ins(%x, %values, %scales, %experts : tensor<100x64xf32>, tensor<8x32x64xf4E2M1FN>, tensor<8x32x2xf8E8M0FNU>, tensor<100x4xi32>)
      outs(%empty : tensor<100x4x32xf32>) -> tensor<100x4x32xf32>
  return %y : tensor<100x4x32xf32>
}

// -----

/// Attention reads positions, not its caches; a cache gets rows.
// CHECK:       module attributes {mxfp4.ops = [
// CHECK-SAME:    {cost = {bytes = 128 : i64, bytes_per_position = 4096 : i64, bytes_per_token = 32768 : i64, flops_per_pair = 16384 : i64, window = 128 : i64}, function = "attend",
// CHECK-SAME:    {cost = {bytes_per_token = 4096 : i64}, function = "attend", op = "nn.cache_update",
func.func @attend(%q: tensor<?x64x64xf32>, %k: tensor<?x8x64xf32>, %v: tensor<?x8x64xf32>,
                  %keys: tensor<128x8x64xf32>, %values: tensor<128x8x64xf32>, %sinks: tensor<64xbf16>,
                  %position: index, %init: tensor<?x64x64xf32>) -> (tensor<?x64x64xf32>, tensor<128x8x64xf32>) {
  %y = nn.attention ins(%q, %k, %v, %keys, %values, %sinks, %position : tensor<?x64x64xf32>, tensor<?x8x64xf32>,
      tensor<?x8x64xf32>, tensor<128x8x64xf32>, tensor<128x8x64xf32>, tensor<64xbf16>, index)
      outs(%init : tensor<?x64x64xf32>) {scale = 0.125 : f32, window = 128 : i64} -> tensor<?x64x64xf32>
  %c = nn.cache_update ins(%k, %position : tensor<?x8x64xf32>, index) outs(%keys : tensor<128x8x64xf32>) -> tensor<128x8x64xf32>
  return %y, %c : tensor<?x64x64xf32>, tensor<128x8x64xf32>
}

// -----

/// What is in a loop has the number of the loop, whose cost is not known.
// CHECK:       module attributes {mxfp4.ops = [{cost = {}, function = "loop", op = "scf.for", weight = ""}]}
// CHECK:         memref.store {{.+}} loc(fused<#mxfp4.op_number<0>>[
// CHECK:       } loc(fused<#mxfp4.op_number<0>>[
func.func @loop(%m: memref<30xf32>, %x: f32, %n: index) {
  %zero = arith.constant 0 : index
  %one = arith.constant 1 : index
  scf.for %i = %zero to %n step %one {
    memref.store %x, %m[%i] : memref<30xf32>
  }
  return
}

// -----

/// What prepares a weight has no numbers, even where something calls it.
// CHECK:       module attributes {mxfp4.ops = [{cost = {bytes = 256 : i64}, function = "decode", op = "linalg.fill", weight = ""}]}
// CHECK:         mxfp4.op_counts = array<i64: 1>
func.func @prepare(%source: memref<64xf32>, %init: memref<64xf32>) attributes {mxfp4.entry = "prepare"} {
  linalg.copy ins(%source : memref<64xf32>) outs(%init : memref<64xf32>)
  linalg.copy ins(%source : memref<64xf32>) outs(%init : memref<64xf32>)
  linalg.copy ins(%source : memref<64xf32>) outs(%init : memref<64xf32>)
  return
}
func.func @decode(%m: memref<64xf32>, %x: f32) attributes {mxfp4.entry = "decode", mxfp4.max_tokens = 1 : i64} {
  call @prepare(%m, %m) : (memref<64xf32>, memref<64xf32>) -> ()
  linalg.fill ins(%x : f32) outs(%m : memref<64xf32>)
  return
}

// -----

/// Costs end at the largest integer.
// CHECK:       module attributes {mxfp4.ops = [{cost = {{.*}}bytes_per_position = 9223372036854775807 : i64
func.func @huge(%q: tensor<?x1x4611686018427387904xf32>, %k: tensor<?x1x4611686018427387904xf32>,
                %keys: tensor<128x1x4611686018427387904xf32>, %sinks: tensor<1xbf16>,
                %position: index, %init: tensor<?x1x4611686018427387904xf32>) -> tensor<?x1x4611686018427387904xf32> {
  %y = nn.attention ins(%q, %k, %k, %keys, %keys, %sinks, %position : tensor<?x1x4611686018427387904xf32>, tensor<?x1x4611686018427387904xf32>,
      tensor<?x1x4611686018427387904xf32>, tensor<128x1x4611686018427387904xf32>, tensor<128x1x4611686018427387904xf32>, tensor<1xbf16>, index)
      outs(%init : tensor<?x1x4611686018427387904xf32>) {scale = 0.125 : f32, window = 128 : i64} -> tensor<?x1x4611686018427387904xf32>
  return %y : tensor<?x1x4611686018427387904xf32>
}
