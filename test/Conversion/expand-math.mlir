// RUN: mxfp4-opt %s --mxfp4-expand-math | FileCheck %s

// What is an instruction becomes an intrinsic function, the rest arithmetic.
// Angles are brought into one turn in f64.

// CHECK-LABEL: func @functions
// CHECK:       llvm.call_intrinsic "llvm.sqrt"(%{{.*}}) : (f32) -> f32
// CHECK:       llvm.call_intrinsic "llvm.fma"
// CHECK-NOT:   math.
func.func @functions(%x: f32, %y: f32) -> (f32, f32, f32) {
  %a = math.sqrt %x : f32
  %b = math.fma %x, %y, %a : f32
  %c = math.exp %y : f32
  return %a, %b, %c : f32, f32, f32
}

// CHECK-LABEL: func @angle
// CHECK:       %[[WIDE:.*]] = arith.extf %{{.*}} : f32 to f64
// CHECK:       %[[TURNS:.*]] = arith.mulf %[[WIDE]]
// CHECK:       %[[WHOLE:.*]] = llvm.call_intrinsic "llvm.roundeven"(%[[TURNS]])
// CHECK:       arith.subf %[[TURNS]], %[[WHOLE]] : f64
// CHECK:       arith.truncf %{{.*}} : f64 to f32
// CHECK-NOT:   math.
func.func @angle(%x: f32) -> f32 {
  %a = math.cos %x : f32
  return %a : f32
}
