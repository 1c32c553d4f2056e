// RUN: mxfp4-opt %s --pass-pipeline='builtin.module(func.func(mxfp4-expand-narrow-floats))' --split-input-file --verify-diagnostics | FileCheck %s

/// Values are compared with those of JAX in test/Python/test_jax.py.
// CHECK-LABEL: func.func @widen
// CHECK-SAME:    %[[X:.+]]: vector<4xf4E2M1FN>
// CHECK:         arith.bitcast %[[X]] : vector<4xf4E2M1FN> to vector<4xi4>
// CHECK:         arith.extui %{{.+}} : vector<4xi4> to vector<4xi32>
// CHECK-NOT:     f4E2M1FN
// CHECK:         arith.truncf %{{.+}} : vector<4xf32> to vector<4xbf16>
func.func @widen(%x: vector<4xf4E2M1FN>) -> vector<4xbf16> {
  %0 = arith.extf %x : vector<4xf4E2M1FN> to vector<4xbf16>
  return %0 : vector<4xbf16>
}

// CHECK-LABEL: func.func @narrow
// CHECK:         arith.trunci %{{.+}} : i32 to i8
// CHECK:         arith.bitcast %{{.+}} : i8 to f8E5M2
func.func @narrow(%x: f32) -> f8E5M2 {
  %0 = arith.truncf %x : f32 to f8E5M2
  return %0 : f8E5M2
}

/// Both ends are expanded.
// CHECK-LABEL: func.func @between
// CHECK-NOT:     arith.extf
// CHECK-NOT:     arith.truncf
func.func @between(%x: f8E8M0FNU, %y: f8E4M3FN) -> (f32, f6E3M2FN) {
  %0 = arith.truncf %y to_nearest_even : f8E4M3FN to f6E3M2FN
  %1 = arith.extf %x : f8E8M0FNU to f32
  return %1, %0 : f32, f6E3M2FN
}

/// An f64 is rounded once.
// CHECK-LABEL: func.func @from_f64
// CHECK:         arith.truncf %{{.+}} : f64 to f32
// CHECK:         arith.cmpf une
func.func @from_f64(%x: f64) -> f4E2M1FN {
  %0 = arith.truncf %x : f64 to f4E2M1FN
  return %0 : f4E2M1FN
}

// CHECK-LABEL: func.func @scaling
// CHECK:         arith.truncf %{{.+}} : f32 to bf16
// CHECK:         arith.divf %{{.+}}, %{{.+}} : f32
func.func @scaling(%x: f4E2M1FN, %y: f16, %s: f8E8M0FNU) -> (bf16, f8E5M2) {
  %0 = arith.scaling_extf %x, %s : f4E2M1FN, f8E8M0FNU to bf16
  %1 = arith.scaling_truncf %y, %s : f16, f8E8M0FNU to f8E5M2
  return %0, %1 : bf16, f8E5M2
}

/// LLVM would call functions for these.
// CHECK-LABEL: func.func @half_and_double
// CHECK-NOT:     f64 to bf16
// CHECK-NOT:     f16 to f64
func.func @half_and_double(%x: f64, %y: f16) -> (bf16, f64) {
  %0 = arith.truncf %x : f64 to bf16
  %1 = arith.extf %y : f16 to f64
  return %0, %1 : bf16, f64
}

/// Wider floats are LLVM's.
// CHECK-LABEL: func.func @wide
// CHECK:         arith.extf %{{.+}} : f16 to f32
func.func @wide(%x: f16) -> f32 {
  %0 = arith.extf %x : f16 to f32
  return %0 : f32
}

// -----

func.func @another_float(%x: f8E4M3FNUZ) -> f32 {
  // expected-error @below {{cannot be expanded: expected a cast, rounded to the nearest, between f4E2M1FN, f6E2M3FN, f6E3M2FN, f8E4M3FN, f8E5M2, f8E8M0FNU, f16, bf16, f32 and f64, but got 'f8E4M3FNUZ' to 'f32'}}
  %0 = arith.extf %x : f8E4M3FNUZ to f32
  return %0 : f32
}

// -----

func.func @another_rounding(%x: f32) -> f8E4M3FN {
  // expected-error @below {{cannot be expanded: expected a cast, rounded to the nearest}}
  %0 = arith.truncf %x toward_zero : f32 to f8E4M3FN
  return %0 : f8E4M3FN
}
