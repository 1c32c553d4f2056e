// RUN: mxfp4-opt %s --pass-pipeline='builtin.module(gpu.module(mxfp4-hoist-loads))' | FileCheck %s

gpu.module @kernels {
  // The weight, which is settled, is requested before what comes from the
  // launch before; both before the work that they are needed after.

  // CHECK-LABEL: gpu.func @k
  // CHECK:         %[[THREAD:.*]] = gpu.thread_id x
  // CHECK:         memref.load %[[WEIGHT:.*]][%[[THREAD]]]
  // CHECK:         memref.load %[[INPUT:.*]][%[[THREAD]]]
  // CHECK:         memref.store %{{.*}}, %[[OWN:.*]][%[[THREAD]]]
  // CHECK:         gpu.barrier
  // CHECK:         memref.load %[[OWN]]
  // CHECK:         memref.store
  gpu.func @k(%weightPointer: !llvm.ptr {mxfp4.settled}, %inputPointer: !llvm.ptr, %outputPointer: !llvm.ptr)
      workgroup(%own: memref<64xf32, #gpu.address_space<workgroup>>) kernel {
    %undefined = llvm.mlir.poison : !llvm.struct<(ptr, ptr, i64, array<1 x i64>, array<1 x i64>)>
    %w = llvm.insertvalue %weightPointer, %undefined[1] : !llvm.struct<(ptr, ptr, i64, array<1 x i64>, array<1 x i64>)>
    %x = llvm.insertvalue %inputPointer, %undefined[1] : !llvm.struct<(ptr, ptr, i64, array<1 x i64>, array<1 x i64>)>
    %y = llvm.insertvalue %outputPointer, %undefined[1] : !llvm.struct<(ptr, ptr, i64, array<1 x i64>, array<1 x i64>)>
    %weight = builtin.unrealized_conversion_cast %w : !llvm.struct<(ptr, ptr, i64, array<1 x i64>, array<1 x i64>)> to memref<64xf32>
    %input = builtin.unrealized_conversion_cast %x : !llvm.struct<(ptr, ptr, i64, array<1 x i64>, array<1 x i64>)> to memref<64xf32>
    %output = builtin.unrealized_conversion_cast %y : !llvm.struct<(ptr, ptr, i64, array<1 x i64>, array<1 x i64>)> to memref<64xf32>
    %zero = arith.constant 0 : index
    %one = arith.constant 1.0 : f32
    %thread = gpu.thread_id x
    memref.store %one, %own[%thread] : memref<64xf32, #gpu.address_space<workgroup>>
    gpu.barrier
    %e = memref.load %input[%thread] : memref<64xf32>
    %f = memref.load %weight[%thread] : memref<64xf32>
    %s = memref.load %own[%zero] : memref<64xf32, #gpu.address_space<workgroup>>
    %sum = arith.addf %e, %f : f32
    %total = arith.addf %sum, %s : f32
    memref.store %total, %output[%thread] : memref<64xf32>
    gpu.return
  }

  // A load whose address comes from memory of the block follows the barrier
  // behind which that is written, and passes the next one.

  // CHECK-LABEL: gpu.func @chosen
  // CHECK:         memref.store %{{.*}}, %[[CHOSEN:.*]][
  // CHECK-NEXT:    gpu.barrier
  // CHECK-NEXT:    %[[NUMBER:.*]] = memref.load %[[CHOSEN]]
  // CHECK-NEXT:    memref.load %{{.*}}[%[[NUMBER]]]
  // CHECK:         memref.store
  // CHECK:         gpu.barrier
  gpu.func @chosen(%weight: memref<64xf32>, %output: memref<64xf32>)
      workgroup(%number: memref<1xindex, #gpu.address_space<workgroup>>, %own: memref<1xf32, #gpu.address_space<workgroup>>) kernel {
    %zero = arith.constant 0 : index
    %one = arith.constant 1.0 : f32
    %thread = gpu.thread_id x
    memref.store %thread, %number[%zero] : memref<1xindex, #gpu.address_space<workgroup>>
    gpu.barrier
    memref.store %one, %own[%zero] : memref<1xf32, #gpu.address_space<workgroup>>
    gpu.barrier
    %n = memref.load %number[%zero] : memref<1xindex, #gpu.address_space<workgroup>>
    %e = memref.load %weight[%n] : memref<64xf32>
    memref.store %e, %output[%thread] : memref<64xf32>
    gpu.return
  }

  // Nothing passes what may write the same memory.

  // CHECK-LABEL: gpu.func @written
  // CHECK:         memref.store %{{.*}}, %[[X:.*]][
  // CHECK:         memref.load %[[Y:.*]][
  gpu.func @written(%x: memref<64xf32>, %y: memref<64xf32>) kernel {
    %one = arith.constant 1.0 : f32
    %thread = gpu.thread_id x
    memref.store %one, %x[%thread] : memref<64xf32>
    %e = memref.load %y[%thread] : memref<64xf32>
    memref.store %e, %x[%thread] : memref<64xf32>
    gpu.return
  }

  // A loop that copies settled memory comes before what others write, and their
  // loads stay behind it; one that copies what they write stays where it is.

  // CHECK-LABEL: gpu.func @fill
  // CHECK:         scf.for
  // CHECK-NEXT:      nvgpu.device_async_copy
  // CHECK:         memref.load
  // CHECK:         gpu.barrier
  // CHECK:         scf.for
  // CHECK-NEXT:      nvgpu.device_async_copy
  gpu.func @fill(%weightPointer: !llvm.ptr {mxfp4.settled}, %inputPointer: !llvm.ptr)
      workgroup(%own: memref<64xf32, #gpu.address_space<workgroup>>,
                %other: memref<64xf32, #gpu.address_space<workgroup>>,
                %third: memref<64xf32, #gpu.address_space<workgroup>>) kernel {
    %undefined = llvm.mlir.poison : !llvm.struct<(ptr, ptr, i64, array<1 x i64>, array<1 x i64>)>
    %w = llvm.insertvalue %weightPointer, %undefined[1] : !llvm.struct<(ptr, ptr, i64, array<1 x i64>, array<1 x i64>)>
    %x = llvm.insertvalue %inputPointer, %undefined[1] : !llvm.struct<(ptr, ptr, i64, array<1 x i64>, array<1 x i64>)>
    %weight = builtin.unrealized_conversion_cast %w : !llvm.struct<(ptr, ptr, i64, array<1 x i64>, array<1 x i64>)> to memref<64xf32>
    %input = builtin.unrealized_conversion_cast %x : !llvm.struct<(ptr, ptr, i64, array<1 x i64>, array<1 x i64>)> to memref<64xf32>
    %zero = arith.constant 0 : index
    %four = arith.constant 4 : index
    %end = arith.constant 64 : index
    %thread = gpu.thread_id x
    %e = memref.load %input[%thread] : memref<64xf32>
    memref.store %e, %own[%thread] : memref<64xf32, #gpu.address_space<workgroup>>
    gpu.barrier
    scf.for %i = %zero to %end step %four {
      %copy = nvgpu.device_async_copy %weight[%i], %other[%i], 4 : memref<64xf32> to memref<64xf32, #gpu.address_space<workgroup>>
      %group = nvgpu.device_async_create_group
    }
    scf.for %i = %zero to %end step %four {
      %copy = nvgpu.device_async_copy %input[%i], %third[%i], 4 : memref<64xf32> to memref<64xf32, #gpu.address_space<workgroup>>
      %group = nvgpu.device_async_create_group
    }
    gpu.return
  }
}
