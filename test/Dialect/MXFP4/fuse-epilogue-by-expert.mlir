// RUN: mxfp4-opt %s --mxfp4-fuse-epilogue | FileCheck %s

#swiglu = #mxfp4.swiglu<alpha = 1.702 : f32, limit = 7.0 : f32>

// CHECK-LABEL: func.func @bias_of_the_same_experts
// CHECK-SAME:    %[[EXPERTS:[^:]+]]: tensor<?x4xi32>, %[[BIAS:[^:]+]]: tensor<2x12xbf16>, %{{[^:]+}}: tensor<?x4x12xf32>, %[[INIT:[^:]+]]: tensor<?x4x12xf32>
// CHECK:         mxfp4.matmul_by_expert {{.*}} bias(%[[BIAS]] : {{.*}}) outs(%[[INIT]] : {{.*}})
// CHECK-NOT:     nn.add_expert_bias
func.func @bias_of_the_same_experts(%x: tensor<?x32xf32>,
    %values: tensor<2x12x32xf4E2M1FN>, %scales: tensor<2x12x1xf8E8M0FNU>,
    %experts: tensor<?x4xi32>, %bias: tensor<2x12xbf16>, %init: tensor<?x4x12xf32>,
    %init2: tensor<?x4x12xf32>) -> tensor<?x4x12xf32> {
  %y = mxfp4.matmul_by_expert
      ins(%x, %values, %scales, %experts : tensor<?x32xf32>,
          tensor<2x12x32xf4E2M1FN>, tensor<2x12x1xf8E8M0FNU>, tensor<?x4xi32>)
      outs(%init : tensor<?x4x12xf32>) -> tensor<?x4x12xf32>
  %z = nn.add_expert_bias ins(%y, %bias, %experts : tensor<?x4x12xf32>, tensor<2x12xbf16>,
                               tensor<?x4xi32>)
      outs(%init2 : tensor<?x4x12xf32>) -> tensor<?x4x12xf32>
  return %z : tensor<?x4x12xf32>
}

// CHECK-LABEL: func.func @bias_of_other_experts
// CHECK:         mxfp4.matmul_by_expert
// CHECK-NOT:     bias(
// CHECK:         nn.add_expert_bias
func.func @bias_of_other_experts(%x: tensor<?x32xf32>,
    %values: tensor<2x12x32xf4E2M1FN>, %scales: tensor<2x12x1xf8E8M0FNU>,
    %experts: tensor<?x4xi32>, %others: tensor<?x4xi32>, %bias: tensor<2x12xbf16>,
    %init: tensor<?x4x12xf32>, %init2: tensor<?x4x12xf32>) -> tensor<?x4x12xf32> {
  %y = mxfp4.matmul_by_expert
      ins(%x, %values, %scales, %experts : tensor<?x32xf32>,
          tensor<2x12x32xf4E2M1FN>, tensor<2x12x1xf8E8M0FNU>, tensor<?x4xi32>)
      outs(%init : tensor<?x4x12xf32>) -> tensor<?x4x12xf32>
  %z = nn.add_expert_bias ins(%y, %bias, %others : tensor<?x4x12xf32>, tensor<2x12xbf16>,
                               tensor<?x4xi32>)
      outs(%init2 : tensor<?x4x12xf32>) -> tensor<?x4x12xf32>
  return %z : tensor<?x4x12xf32>
}

// CHECK-LABEL: func.func @bias_of_more_experts
// CHECK:         mxfp4.matmul_by_expert
// CHECK-NOT:     bias(
// CHECK:         nn.add_expert_bias
func.func @bias_of_more_experts(%x: tensor<?x32xf32>,
    %values: tensor<2x12x32xf4E2M1FN>, %scales: tensor<2x12x1xf8E8M0FNU>,
    %experts: tensor<?x4xi32>, %bias: tensor<3x12xbf16>, %init: tensor<?x4x12xf32>,
    %init2: tensor<?x4x12xf32>) -> tensor<?x4x12xf32> {
  %y = mxfp4.matmul_by_expert
      ins(%x, %values, %scales, %experts : tensor<?x32xf32>,
          tensor<2x12x32xf4E2M1FN>, tensor<2x12x1xf8E8M0FNU>, tensor<?x4xi32>)
      outs(%init : tensor<?x4x12xf32>) -> tensor<?x4x12xf32>
  %z = nn.add_expert_bias ins(%y, %bias, %experts : tensor<?x4x12xf32>, tensor<3x12xbf16>,
                               tensor<?x4xi32>)
      outs(%init2 : tensor<?x4x12xf32>) -> tensor<?x4x12xf32>
  return %z : tensor<?x4x12xf32>
}

// CHECK-LABEL: func.func @expert_sum_is_rounded_before_bias
// CHECK:         mxfp4.matmul_by_expert
// CHECK-NOT:     bias(
// CHECK:         nn.add_expert_bias
func.func @expert_sum_is_rounded_before_bias(%x: tensor<?x32xf32>,
    %values: tensor<2x12x32xf4E2M1FN>, %scales: tensor<2x12x1xf8E8M0FNU>,
    %experts: tensor<?x4xi32>, %bias: tensor<2x12xbf16>, %init: tensor<?x4x12xbf16>,
    %init2: tensor<?x4x12xf32>) -> tensor<?x4x12xf32> {
  %y = mxfp4.matmul_by_expert
      ins(%x, %values, %scales, %experts : tensor<?x32xf32>,
          tensor<2x12x32xf4E2M1FN>, tensor<2x12x1xf8E8M0FNU>, tensor<?x4xi32>)
      outs(%init : tensor<?x4x12xbf16>) -> tensor<?x4x12xbf16>
  %z = nn.add_expert_bias ins(%y, %bias, %experts : tensor<?x4x12xbf16>, tensor<2x12xbf16>,
                               tensor<?x4xi32>)
      outs(%init2 : tensor<?x4x12xf32>) -> tensor<?x4x12xf32>
  return %z : tensor<?x4x12xf32>
}

// CHECK-LABEL: func.func @expert_sum_has_another_reader
// CHECK:         mxfp4.matmul_by_expert
// CHECK-NOT:     bias(
// CHECK:         nn.add_expert_bias
func.func @expert_sum_has_another_reader(%x: tensor<?x32xf32>,
    %values: tensor<2x12x32xf4E2M1FN>, %scales: tensor<2x12x1xf8E8M0FNU>,
    %experts: tensor<?x4xi32>, %bias: tensor<2x12xbf16>, %init: tensor<?x4x12xf32>,
    %init2: tensor<?x4x12xf32>) -> (tensor<?x4x12xf32>, tensor<?x4x12xf32>) {
  %y = mxfp4.matmul_by_expert
      ins(%x, %values, %scales, %experts : tensor<?x32xf32>,
          tensor<2x12x32xf4E2M1FN>, tensor<2x12x1xf8E8M0FNU>, tensor<?x4xi32>)
      outs(%init : tensor<?x4x12xf32>) -> tensor<?x4x12xf32>
  %z = nn.add_expert_bias ins(%y, %bias, %experts : tensor<?x4x12xf32>, tensor<2x12xbf16>,
                               tensor<?x4xi32>)
      outs(%init2 : tensor<?x4x12xf32>) -> tensor<?x4x12xf32>
  return %y, %z : tensor<?x4x12xf32>, tensor<?x4x12xf32>
}

// CHECK-LABEL: func.func @expert_sum_has_a_bias
// CHECK:         mxfp4.matmul_by_expert {{.*}} bias(
// CHECK:         nn.add_expert_bias
func.func @expert_sum_has_a_bias(%x: tensor<?x32xf32>,
    %values: tensor<2x12x32xf4E2M1FN>, %scales: tensor<2x12x1xf8E8M0FNU>,
    %experts: tensor<?x4xi32>, %bias: tensor<2x12xbf16>, %init: tensor<?x4x12xf32>,
    %init2: tensor<?x4x12xf32>) -> tensor<?x4x12xf32> {
  %y = mxfp4.matmul_by_expert
      ins(%x, %values, %scales, %experts : tensor<?x32xf32>,
          tensor<2x12x32xf4E2M1FN>, tensor<2x12x1xf8E8M0FNU>, tensor<?x4xi32>)
      bias(%bias : tensor<2x12xbf16>)
      outs(%init : tensor<?x4x12xf32>) -> tensor<?x4x12xf32>
  %z = nn.add_expert_bias ins(%y, %bias, %experts : tensor<?x4x12xf32>, tensor<2x12xbf16>,
                               tensor<?x4xi32>)
      outs(%init2 : tensor<?x4x12xf32>) -> tensor<?x4x12xf32>
  return %z : tensor<?x4x12xf32>
}

// CHECK-LABEL: func.func @activation_follows_bias
// CHECK:         mxfp4.matmul_by_expert {{.*}} bias({{.*}} activation(<alpha = 1.702000e+00 : f32, limit = 7.000000e+00 : f32>) outs(%{{.+}} : tensor<?x4x6xf32>)
// CHECK-NOT:     nn.swiglu
func.func @activation_follows_bias(%x: tensor<?x32xf32>,
    %values: tensor<2x12x32xf4E2M1FN>, %scales: tensor<2x12x1xf8E8M0FNU>,
    %experts: tensor<?x4xi32>, %bias: tensor<2x12xbf16>, %init: tensor<?x4x12xf32>,
    %init2: tensor<?x4x6xf32>) -> tensor<?x4x6xf32> {
  %y = mxfp4.matmul_by_expert
      ins(%x, %values, %scales, %experts : tensor<?x32xf32>,
          tensor<2x12x32xf4E2M1FN>, tensor<2x12x1xf8E8M0FNU>, tensor<?x4xi32>)
      bias(%bias : tensor<2x12xbf16>)
      outs(%init : tensor<?x4x12xf32>) -> tensor<?x4x12xf32>
  %z = nn.swiglu ins(%y : tensor<?x4x12xf32>) outs(%init2 : tensor<?x4x6xf32>)
      {activation = #swiglu} -> tensor<?x4x6xf32>
  return %z : tensor<?x4x6xf32>
}

// CHECK-LABEL: func.func @activation_is_rounded_once
// CHECK:         mxfp4.matmul_by_expert {{.*}} activation({{.*}} outs(%{{.+}} : tensor<?x4x6xbf16>)
// CHECK-NOT:     nn.swiglu
func.func @activation_is_rounded_once(%x: tensor<?x32xf32>,
    %values: tensor<2x12x32xf4E2M1FN>, %scales: tensor<2x12x1xf8E8M0FNU>,
    %experts: tensor<?x4xi32>, %init: tensor<?x4x12xf32>,
    %init2: tensor<?x4x6xbf16>) -> tensor<?x4x6xbf16> {
  %y = mxfp4.matmul_by_expert
      ins(%x, %values, %scales, %experts : tensor<?x32xf32>,
          tensor<2x12x32xf4E2M1FN>, tensor<2x12x1xf8E8M0FNU>, tensor<?x4xi32>)
      outs(%init : tensor<?x4x12xf32>) -> tensor<?x4x12xf32>
  %z = nn.swiglu ins(%y : tensor<?x4x12xf32>) outs(%init2 : tensor<?x4x6xbf16>)
      {activation = #swiglu} -> tensor<?x4x6xbf16>
  return %z : tensor<?x4x6xbf16>
}

// CHECK-LABEL: func.func @expert_sum_is_rounded_before_activation
// CHECK:         mxfp4.matmul_by_expert
// CHECK-NOT:     activation(
// CHECK:         nn.swiglu
func.func @expert_sum_is_rounded_before_activation(%x: tensor<?x32xf32>,
    %values: tensor<2x12x32xf4E2M1FN>, %scales: tensor<2x12x1xf8E8M0FNU>,
    %experts: tensor<?x4xi32>, %init: tensor<?x4x12xbf16>,
    %init2: tensor<?x4x6xf32>) -> tensor<?x4x6xf32> {
  %y = mxfp4.matmul_by_expert
      ins(%x, %values, %scales, %experts : tensor<?x32xf32>,
          tensor<2x12x32xf4E2M1FN>, tensor<2x12x1xf8E8M0FNU>, tensor<?x4xi32>)
      outs(%init : tensor<?x4x12xbf16>) -> tensor<?x4x12xbf16>
  %z = nn.swiglu ins(%y : tensor<?x4x12xbf16>) outs(%init2 : tensor<?x4x6xf32>)
      {activation = #swiglu} -> tensor<?x4x6xf32>
  return %z : tensor<?x4x6xf32>
}

// CHECK-LABEL: func.func @expert_sum_before_activation_has_another_reader
// CHECK:         mxfp4.matmul_by_expert
// CHECK-NOT:     activation(
// CHECK:         nn.swiglu
func.func @expert_sum_before_activation_has_another_reader(%x: tensor<?x32xf32>,
    %values: tensor<2x12x32xf4E2M1FN>, %scales: tensor<2x12x1xf8E8M0FNU>,
    %experts: tensor<?x4xi32>, %init: tensor<?x4x12xf32>,
    %init2: tensor<?x4x6xf32>) -> (tensor<?x4x12xf32>, tensor<?x4x6xf32>) {
  %y = mxfp4.matmul_by_expert
      ins(%x, %values, %scales, %experts : tensor<?x32xf32>,
          tensor<2x12x32xf4E2M1FN>, tensor<2x12x1xf8E8M0FNU>, tensor<?x4xi32>)
      outs(%init : tensor<?x4x12xf32>) -> tensor<?x4x12xf32>
  %z = nn.swiglu ins(%y : tensor<?x4x12xf32>) outs(%init2 : tensor<?x4x6xf32>)
      {activation = #swiglu} -> tensor<?x4x6xf32>
  return %y, %z : tensor<?x4x12xf32>, tensor<?x4x6xf32>
}

// CHECK-LABEL: func.func @activation_follows_activation
// CHECK:         mxfp4.matmul_by_expert {{.*}} activation(
// CHECK:         nn.swiglu
func.func @activation_follows_activation(%x: tensor<?x32xf32>,
    %values: tensor<2x12x32xf4E2M1FN>, %scales: tensor<2x12x1xf8E8M0FNU>,
    %experts: tensor<?x4xi32>, %init: tensor<?x4x6xf32>,
    %init2: tensor<?x4x3xf32>) -> tensor<?x4x3xf32> {
  %y = mxfp4.matmul_by_expert
      ins(%x, %values, %scales, %experts : tensor<?x32xf32>,
          tensor<2x12x32xf4E2M1FN>, tensor<2x12x1xf8E8M0FNU>, tensor<?x4xi32>)
      activation(#swiglu)
      outs(%init : tensor<?x4x6xf32>) -> tensor<?x4x6xf32>
  %z = nn.swiglu ins(%y : tensor<?x4x6xf32>) outs(%init2 : tensor<?x4x3xf32>)
      {activation = #swiglu} -> tensor<?x4x3xf32>
  return %z : tensor<?x4x3xf32>
}

/// Gate and up are then in different registers.
// CHECK-LABEL: func.func @rows_are_arranged_one_by_one
// CHECK:         mxfp4.matmul_by_expert
// CHECK-NOT:     activation(
// CHECK:         nn.swiglu
func.func @rows_are_arranged_one_by_one(%x: tensor<?x32xf32>,
    %values: tensor<2x12x32xf4E2M1FN, #mxfp4.layout<lanes = 4, depth = 8>>,
    %scales: tensor<2x12x1xf8E8M0FNU, #mxfp4.layout<lanes = 4, depth = 1>>,
    %experts: tensor<?x4xi32>, %init: tensor<?x4x12xf32>,
    %init2: tensor<?x4x6xf32>) -> tensor<?x4x6xf32> {
  %y = mxfp4.matmul_by_expert
      ins(%x, %values, %scales, %experts : tensor<?x32xf32>,
          tensor<2x12x32xf4E2M1FN,
              #mxfp4.layout<lanes = 4, depth = 8>>, tensor<2x12x1xf8E8M0FNU,
              #mxfp4.layout<lanes = 4, depth = 1>>, tensor<?x4xi32>)
      outs(%init : tensor<?x4x12xf32>) -> tensor<?x4x12xf32>
  %z = nn.swiglu ins(%y : tensor<?x4x12xf32>) outs(%init2 : tensor<?x4x6xf32>)
      {activation = #swiglu} -> tensor<?x4x6xf32>
  return %z : tensor<?x4x6xf32>
}

// CHECK-LABEL: func.func @slots_are_added_up
// CHECK-SAME:    %[[WEIGHTS:[^:]+]]: tensor<?x4xf32>, %{{[^:]+}}: tensor<?x4x12xf32>, %[[INIT:[^:]+]]: tensor<?x12xf32>
// CHECK:         mxfp4.matmul_by_expert {{.*}} bias({{.*}} weights(%[[WEIGHTS]] : {{.*}}) outs(%[[INIT]] : {{.*}})
// CHECK-NOT:     nn.combine_experts
func.func @slots_are_added_up(%x: tensor<?x32xf32>,
    %values: tensor<2x12x32xf4E2M1FN>, %scales: tensor<2x12x1xf8E8M0FNU>,
    %experts: tensor<?x4xi32>, %bias: tensor<2x12xbf16>, %weights: tensor<?x4xf32>,
    %init: tensor<?x4x12xf32>, %init2: tensor<?x12xf32>) -> tensor<?x12xf32> {
  %y = mxfp4.matmul_by_expert
      ins(%x, %values, %scales, %experts : tensor<?x32xf32>,
          tensor<2x12x32xf4E2M1FN>, tensor<2x12x1xf8E8M0FNU>, tensor<?x4xi32>)
      bias(%bias : tensor<2x12xbf16>)
      outs(%init : tensor<?x4x12xf32>) -> tensor<?x4x12xf32>
  %z = nn.combine_experts ins(%y, %weights : tensor<?x4x12xf32>, tensor<?x4xf32>)
      outs(%init2 : tensor<?x12xf32>) -> tensor<?x12xf32>
  return %z : tensor<?x12xf32>
}

// CHECK-LABEL: func.func @slots_are_rounded_before_they_are_added_up
// CHECK:         mxfp4.matmul_by_expert
// CHECK-NOT:     weights(
// CHECK:         nn.combine_experts
func.func @slots_are_rounded_before_they_are_added_up(%x: tensor<?x32xf32>,
    %values: tensor<2x12x32xf4E2M1FN>, %scales: tensor<2x12x1xf8E8M0FNU>,
    %experts: tensor<?x4xi32>, %weights: tensor<?x4xf32>,
    %init: tensor<?x4x12xbf16>, %init2: tensor<?x12xf32>) -> tensor<?x12xf32> {
  %y = mxfp4.matmul_by_expert
      ins(%x, %values, %scales, %experts : tensor<?x32xf32>,
          tensor<2x12x32xf4E2M1FN>, tensor<2x12x1xf8E8M0FNU>, tensor<?x4xi32>)
      outs(%init : tensor<?x4x12xbf16>) -> tensor<?x4x12xbf16>
  %z = nn.combine_experts ins(%y, %weights : tensor<?x4x12xbf16>, tensor<?x4xf32>)
      outs(%init2 : tensor<?x12xf32>) -> tensor<?x12xf32>
  return %z : tensor<?x12xf32>
}

// CHECK-LABEL: func.func @slots_have_another_reader
// CHECK:         mxfp4.matmul_by_expert
// CHECK-NOT:     weights(
// CHECK:         nn.combine_experts
func.func @slots_have_another_reader(%x: tensor<?x32xf32>,
    %values: tensor<2x12x32xf4E2M1FN>, %scales: tensor<2x12x1xf8E8M0FNU>,
    %experts: tensor<?x4xi32>, %weights: tensor<?x4xf32>, %init: tensor<?x4x12xf32>,
    %init2: tensor<?x12xf32>) -> (tensor<?x4x12xf32>, tensor<?x12xf32>) {
  %y = mxfp4.matmul_by_expert
      ins(%x, %values, %scales, %experts : tensor<?x32xf32>,
          tensor<2x12x32xf4E2M1FN>, tensor<2x12x1xf8E8M0FNU>, tensor<?x4xi32>)
      outs(%init : tensor<?x4x12xf32>) -> tensor<?x4x12xf32>
  %z = nn.combine_experts ins(%y, %weights : tensor<?x4x12xf32>, tensor<?x4xf32>)
      outs(%init2 : tensor<?x12xf32>) -> tensor<?x12xf32>
  return %y, %z : tensor<?x4x12xf32>, tensor<?x12xf32>
}

// CHECK-LABEL: func.func @slots_have_an_activation
// CHECK:         mxfp4.matmul_by_expert
// CHECK-NOT:     weights(
// CHECK:         nn.combine_experts
func.func @slots_have_an_activation(%x: tensor<?x32xf32>,
    %values: tensor<2x12x32xf4E2M1FN>, %scales: tensor<2x12x1xf8E8M0FNU>,
    %experts: tensor<?x4xi32>, %weights: tensor<?x4xf32>, %init: tensor<?x4x6xf32>,
    %init2: tensor<?x6xf32>) -> tensor<?x6xf32> {
  %y = mxfp4.matmul_by_expert
      ins(%x, %values, %scales, %experts : tensor<?x32xf32>,
          tensor<2x12x32xf4E2M1FN>, tensor<2x12x1xf8E8M0FNU>, tensor<?x4xi32>)
      activation(#swiglu)
      outs(%init : tensor<?x4x6xf32>) -> tensor<?x4x6xf32>
  %z = nn.combine_experts ins(%y, %weights : tensor<?x4x6xf32>, tensor<?x4xf32>)
      outs(%init2 : tensor<?x6xf32>) -> tensor<?x6xf32>
  return %z : tensor<?x6xf32>
}

// CHECK-LABEL: func.func @residual_of_added_up_slots
// CHECK:         mxfp4.matmul_by_expert {{.*}} weights({{.*}} residual(
// CHECK-NOT:     linalg.add
func.func @residual_of_added_up_slots(%x: tensor<?x32xf32>,
    %values: tensor<2x12x32xf4E2M1FN>, %scales: tensor<2x12x1xf8E8M0FNU>,
    %experts: tensor<?x4xi32>, %weights: tensor<?x4xf32>,
    %residual: tensor<?x12xf32>, %init: tensor<?x4x12xf32>,
    %init2: tensor<?x12xf32>) -> tensor<?x12xf32> {
  %y = mxfp4.matmul_by_expert
      ins(%x, %values, %scales, %experts : tensor<?x32xf32>,
          tensor<2x12x32xf4E2M1FN>, tensor<2x12x1xf8E8M0FNU>, tensor<?x4xi32>)
      outs(%init : tensor<?x4x12xf32>) -> tensor<?x4x12xf32>
  %z = nn.combine_experts ins(%y, %weights : tensor<?x4x12xf32>, tensor<?x4xf32>)
      outs(%init2 : tensor<?x12xf32>) -> tensor<?x12xf32>
  %sum = linalg.add ins(%residual, %z : tensor<?x12xf32>, tensor<?x12xf32>)
      outs(%init2 : tensor<?x12xf32>) -> tensor<?x12xf32>
  return %sum : tensor<?x12xf32>
}

/// Each slot would have it added.
// CHECK-LABEL: func.func @residual_of_slots
// CHECK:         mxfp4.matmul_by_expert
// CHECK-NOT:     residual(
// CHECK:         linalg.add
func.func @residual_of_slots(%x: tensor<?x32xf32>,
    %values: tensor<2x12x32xf4E2M1FN>, %scales: tensor<2x12x1xf8E8M0FNU>,
    %experts: tensor<?x4xi32>, %residual: tensor<?x4x12xf32>,
    %init: tensor<?x4x12xf32>, %init2: tensor<?x4x12xf32>) -> tensor<?x4x12xf32> {
  %y = mxfp4.matmul_by_expert
      ins(%x, %values, %scales, %experts : tensor<?x32xf32>,
          tensor<2x12x32xf4E2M1FN>, tensor<2x12x1xf8E8M0FNU>, tensor<?x4xi32>)
      outs(%init : tensor<?x4x12xf32>) -> tensor<?x4x12xf32>
  %z = linalg.add ins(%y, %residual : tensor<?x4x12xf32>, tensor<?x4x12xf32>)
      outs(%init2 : tensor<?x4x12xf32>) -> tensor<?x4x12xf32>
  return %z : tensor<?x4x12xf32>
}
