module @jit__lambda attributes {jax.uses_shape_polymorphism = false, mhlo.num_partitions = 1 : i32, mhlo.num_replicas = 1 : i32, mxfp4.arena = 196672 : i64, mxfp4.buffers = [{bytes = 2560 : i64, bytes_per_position = 0 : i64, kind = "input", name = "main.arg0", type = memref<5x256xbf16>}, {bytes = 12288 : i64, bytes_per_position = 0 : i64, kind = "input", name = "main.arg1", type = memref<96x128xi8>}, {bytes = 768 : i64, bytes_per_position = 0 : i64, kind = "input", name = "main.arg2", type = memref<96x8xi8>}, {bytes = 960 : i64, bytes_per_position = 0 : i64, kind = "output", name = "main.result0", type = memref<5x96xbf16>}, {bytes = 196672 : i64, bytes_per_position = 0 : i64, kind = "arena", name = "arena"}]} {
  llvm.func internal @mxfp4_barrier(%arg0: !llvm.ptr) attributes {sym_visibility = "private"} {
    %0 = llvm.getelementptr %arg0[48] : (!llvm.ptr) -> !llvm.ptr, i8
    %1 = llvm.load %0 : !llvm.ptr -> !llvm.ptr
    %2 = llvm.getelementptr %arg0[56] : (!llvm.ptr) -> !llvm.ptr, i8
    %3 = llvm.load %2 : !llvm.ptr -> !llvm.ptr
    llvm.call %1(%3) : !llvm.ptr, (!llvm.ptr) -> ()
    llvm.return
  }
  llvm.mlir.global private constant @__constant_xbf16_1(16177 : i16) {addr_space = 0 : i32, alignment = 64 : i64} : i16
  llvm.mlir.global private constant @__constant_xbf16(17150 : i16) {addr_space = 0 : i32, alignment = 64 : i64} : i16
  llvm.mlir.global private constant @__constant_xi8_0(4 : i8) {addr_space = 0 : i32, alignment = 64 : i64} : i8
  llvm.mlir.global private constant @__constant_16xf32(dense<[0.000000e+00, 5.000000e-01, 1.000000e+00, 1.500000e+00, 2.000000e+00, 3.000000e+00, 4.000000e+00, 6.000000e+00, -0.000000e+00, -5.000000e-01, -1.000000e+00, -1.500000e+00, -2.000000e+00, -3.000000e+00, -4.000000e+00, -6.000000e+00]> : tensor<16xf32>) {addr_space = 0 : i32, alignment = 64 : i64} : !llvm.array<16 x f32>
  llvm.mlir.global private constant @__constant_xi8(15 : i8) {addr_space = 0 : i32, alignment = 64 : i64} : i8
  llvm.func @main.entry(%arg0: !llvm.ptr) attributes {mxfp4.arguments = array<i64: 0, 1, 2, 3, 4>, mxfp4.entry = "main", mxfp4.max_tokens = 512 : i64} {
    %0 = llvm.mlir.addressof @__constant_xbf16_1 : !llvm.ptr
    %1 = llvm.mlir.addressof @__constant_xbf16 : !llvm.ptr
    %2 = llvm.mlir.addressof @__constant_xi8_0 : !llvm.ptr
    %3 = llvm.mlir.addressof @__constant_16xf32 : !llvm.ptr
    %4 = llvm.mlir.addressof @__constant_xi8 : !llvm.ptr
    %5 = llvm.mlir.constant(1 : i32) : i32
    %6 = llvm.mlir.constant(16 : i32) : i32
    %7 = llvm.mlir.constant(32704 : i16) : i16
    %8 = llvm.mlir.constant(32767 : i32) : i32
    %9 = llvm.mlir.constant(0 : i8) : i8
    %10 = llvm.mlir.constant(8 : i8) : i8
    %11 = llvm.mlir.constant(0 : index) : i64
    %12 = llvm.mlir.constant(15 : index) : i64
    %13 = llvm.mlir.constant(1 : index) : i64
    %14 = llvm.mlir.constant(0.000000e+00 : f32) : f32
    %15 = llvm.mlir.constant(96 : index) : i64
    %16 = llvm.mlir.constant(128 : index) : i64
    %17 = llvm.mlir.constant(2 : index) : i64
    %18 = llvm.mlir.constant(8 : index) : i64
    %19 = llvm.mlir.constant(32 : index) : i64
    %20 = llvm.mlir.constant(256 : index) : i64
    %21 = llvm.mlir.constant(16 : index) : i64
    %22 = llvm.mlir.constant(5 : index) : i64
    %23 = llvm.getelementptr %arg0[32] : (!llvm.ptr) -> !llvm.ptr, i8
    %24 = llvm.load %23 : !llvm.ptr -> i64
    %25 = llvm.getelementptr %arg0[40] : (!llvm.ptr) -> !llvm.ptr, i8
    %26 = llvm.load %25 : !llvm.ptr -> i64
    %27 = llvm.load %arg0 : !llvm.ptr -> !llvm.ptr
    %28 = llvm.load %27 : !llvm.ptr -> !llvm.ptr
    %29 = llvm.getelementptr %27[1] : (!llvm.ptr) -> !llvm.ptr, !llvm.ptr
    %30 = llvm.load %29 : !llvm.ptr -> !llvm.ptr
    %31 = llvm.getelementptr %27[2] : (!llvm.ptr) -> !llvm.ptr, !llvm.ptr
    %32 = llvm.load %31 : !llvm.ptr -> !llvm.ptr
    %33 = llvm.getelementptr %27[3] : (!llvm.ptr) -> !llvm.ptr, !llvm.ptr
    %34 = llvm.load %33 : !llvm.ptr -> !llvm.ptr
    %35 = llvm.getelementptr %27[4] : (!llvm.ptr) -> !llvm.ptr, !llvm.ptr
    %36 = llvm.load %35 : !llvm.ptr -> !llvm.ptr
    %37 = llvm.getelementptr %3[0, 0] : (!llvm.ptr) -> !llvm.ptr, !llvm.array<16 x f32>
    %38 = llvm.mul %24, %15 : i64
    %39 = llvm.udiv %38, %26 : i64
    %40 = llvm.add %24, %13 : i64
    %41 = llvm.mul %40, %15 : i64
    %42 = llvm.udiv %41, %26 : i64
    llvm.br ^bb1(%39 : i64)
  ^bb1(%43: i64):  // 2 preds: ^bb0, ^bb5
    %44 = llvm.icmp "slt" %43, %42 : i64
    llvm.cond_br %44, ^bb2, ^bb6
  ^bb2:  // pred: ^bb1
    llvm.br ^bb3(%11 : i64)
  ^bb3(%45: i64):  // 2 preds: ^bb2, ^bb4
    %46 = llvm.icmp "slt" %45, %16 : i64
    llvm.cond_br %46, ^bb4, ^bb5
  ^bb4:  // pred: ^bb3
    %47 = llvm.load %4 : !llvm.ptr -> i8
    %48 = llvm.mul %43, %16 overflow<nsw, nuw> : i64
    %49 = llvm.add %48, %45 overflow<nsw, nuw> : i64
    %50 = llvm.getelementptr inbounds|nuw %36[%49] : (!llvm.ptr, i64) -> !llvm.ptr, i8
    llvm.store %47, %50 : i8, !llvm.ptr
    %51 = llvm.add %45, %13 : i64
    llvm.br ^bb3(%51 : i64)
  ^bb5:  // pred: ^bb3
    %52 = llvm.add %43, %13 : i64
    llvm.br ^bb1(%52 : i64)
  ^bb6:  // pred: ^bb1
    llvm.call @mxfp4_barrier(%arg0) : (!llvm.ptr) -> ()
    %53 = llvm.getelementptr %36[12288] : (!llvm.ptr) -> !llvm.ptr, i8
    llvm.br ^bb7(%39 : i64)
  ^bb7(%54: i64):  // 2 preds: ^bb6, ^bb11
    %55 = llvm.icmp "slt" %54, %42 : i64
    llvm.cond_br %55, ^bb8, ^bb12
  ^bb8:  // pred: ^bb7
    llvm.br ^bb9(%11 : i64)
  ^bb9(%56: i64):  // 2 preds: ^bb8, ^bb10
    %57 = llvm.icmp "slt" %56, %16 : i64
    llvm.cond_br %57, ^bb10, ^bb11
  ^bb10:  // pred: ^bb9
    %58 = llvm.mul %54, %16 overflow<nsw, nuw> : i64
    %59 = llvm.add %58, %56 overflow<nsw, nuw> : i64
    %60 = llvm.getelementptr inbounds|nuw %30[%59] : (!llvm.ptr, i64) -> !llvm.ptr, i8
    %61 = llvm.load %60 : !llvm.ptr -> i8
    %62 = llvm.getelementptr inbounds|nuw %36[%59] : (!llvm.ptr, i64) -> !llvm.ptr, i8
    %63 = llvm.load %62 : !llvm.ptr -> i8
    %64 = llvm.and %61, %63 : i8
    %65 = llvm.getelementptr inbounds|nuw %53[%59] : (!llvm.ptr, i64) -> !llvm.ptr, i8
    llvm.store %64, %65 : i8, !llvm.ptr
    %66 = llvm.add %56, %13 : i64
    llvm.br ^bb9(%66 : i64)
  ^bb11:  // pred: ^bb9
    %67 = llvm.add %54, %13 : i64
    llvm.br ^bb7(%67 : i64)
  ^bb12:  // pred: ^bb7
    llvm.call @mxfp4_barrier(%arg0) : (!llvm.ptr) -> ()
    llvm.br ^bb13(%39 : i64)
  ^bb13(%68: i64):  // 2 preds: ^bb12, ^bb17
    %69 = llvm.icmp "slt" %68, %42 : i64
    llvm.cond_br %69, ^bb14, ^bb18
  ^bb14:  // pred: ^bb13
    llvm.br ^bb15(%11 : i64)
  ^bb15(%70: i64):  // 2 preds: ^bb14, ^bb16
    %71 = llvm.icmp "slt" %70, %16 : i64
    llvm.cond_br %71, ^bb16, ^bb17
  ^bb16:  // pred: ^bb15
    %72 = llvm.load %2 : !llvm.ptr -> i8
    %73 = llvm.mul %68, %16 overflow<nsw, nuw> : i64
    %74 = llvm.add %73, %70 overflow<nsw, nuw> : i64
    %75 = llvm.getelementptr inbounds|nuw %36[%74] : (!llvm.ptr, i64) -> !llvm.ptr, i8
    llvm.store %72, %75 : i8, !llvm.ptr
    %76 = llvm.add %70, %13 : i64
    llvm.br ^bb15(%76 : i64)
  ^bb17:  // pred: ^bb15
    %77 = llvm.add %68, %13 : i64
    llvm.br ^bb13(%77 : i64)
  ^bb18:  // pred: ^bb13
    llvm.call @mxfp4_barrier(%arg0) : (!llvm.ptr) -> ()
    llvm.br ^bb19(%39 : i64)
  ^bb19(%78: i64):  // 2 preds: ^bb18, ^bb23
    %79 = llvm.icmp "slt" %78, %42 : i64
    llvm.cond_br %79, ^bb20, ^bb24
  ^bb20:  // pred: ^bb19
    llvm.br ^bb21(%11 : i64)
  ^bb21(%80: i64):  // 2 preds: ^bb20, ^bb22
    %81 = llvm.icmp "slt" %80, %16 : i64
    llvm.cond_br %81, ^bb22, ^bb23
  ^bb22:  // pred: ^bb21
    %82 = llvm.mul %78, %16 overflow<nsw, nuw> : i64
    %83 = llvm.add %82, %80 overflow<nsw, nuw> : i64
    %84 = llvm.getelementptr inbounds|nuw %30[%83] : (!llvm.ptr, i64) -> !llvm.ptr, i8
    %85 = llvm.load %84 : !llvm.ptr -> i8
    %86 = llvm.getelementptr inbounds|nuw %36[%83] : (!llvm.ptr, i64) -> !llvm.ptr, i8
    %87 = llvm.load %86 : !llvm.ptr -> i8
    %88 = llvm.lshr %85, %87 : i8
    %89 = llvm.icmp "ult" %87, %10 : i8
    %90 = llvm.select %89, %88, %9 : i1, i8
    llvm.store %90, %86 : i8, !llvm.ptr
    %91 = llvm.add %80, %13 : i64
    llvm.br ^bb21(%91 : i64)
  ^bb23:  // pred: ^bb21
    %92 = llvm.add %78, %13 : i64
    llvm.br ^bb19(%92 : i64)
  ^bb24:  // pred: ^bb19
    llvm.call @mxfp4_barrier(%arg0) : (!llvm.ptr) -> ()
    %93 = llvm.getelementptr %36[98304] : (!llvm.ptr) -> !llvm.ptr, i8
    llvm.br ^bb25(%39 : i64)
  ^bb25(%94: i64):  // 2 preds: ^bb24, ^bb36
    %95 = llvm.icmp "slt" %94, %42 : i64
    llvm.cond_br %95, ^bb26, ^bb37
  ^bb26:  // pred: ^bb25
    llvm.br ^bb27(%11 : i64)
  ^bb27(%96: i64):  // 2 preds: ^bb26, ^bb35
    %97 = llvm.icmp "slt" %96, %16 : i64
    llvm.cond_br %97, ^bb28, ^bb36
  ^bb28:  // pred: ^bb27
    llvm.br ^bb29(%11 : i64)
  ^bb29(%98: i64):  // 2 preds: ^bb28, ^bb34
    %99 = llvm.icmp "slt" %98, %17 : i64
    llvm.cond_br %99, ^bb30, ^bb35
  ^bb30:  // pred: ^bb29
    %100 = llvm.icmp "ult" %98, %13 : i64
    llvm.cond_br %100, ^bb31, ^bb32
  ^bb31:  // pred: ^bb30
    %101 = llvm.mul %94, %16 overflow<nsw, nuw> : i64
    %102 = llvm.add %101, %96 overflow<nsw, nuw> : i64
    %103 = llvm.add %102, %98 overflow<nsw, nuw> : i64
    %104 = llvm.getelementptr inbounds|nuw %53[%103] : (!llvm.ptr, i64) -> !llvm.ptr, i8
    %105 = llvm.load %104 : !llvm.ptr -> i8
    llvm.br ^bb33(%105 : i8)
  ^bb32:  // pred: ^bb30
    %106 = llvm.sub %98, %13 : i64
    %107 = llvm.mul %94, %16 overflow<nsw, nuw> : i64
    %108 = llvm.add %107, %96 overflow<nsw, nuw> : i64
    %109 = llvm.add %108, %106 overflow<nsw, nuw> : i64
    %110 = llvm.getelementptr inbounds|nuw %36[%109] : (!llvm.ptr, i64) -> !llvm.ptr, i8
    %111 = llvm.load %110 : !llvm.ptr -> i8
    llvm.br ^bb33(%111 : i8)
  ^bb33(%112: i8):  // 2 preds: ^bb31, ^bb32
    llvm.br ^bb34
  ^bb34:  // pred: ^bb33
    %113 = llvm.mul %94, %20 overflow<nsw, nuw> : i64
    %114 = llvm.mul %96, %17 overflow<nsw, nuw> : i64
    %115 = llvm.add %113, %114 overflow<nsw, nuw> : i64
    %116 = llvm.add %115, %98 overflow<nsw, nuw> : i64
    %117 = llvm.getelementptr inbounds|nuw %93[%116] : (!llvm.ptr, i64) -> !llvm.ptr, i8
    llvm.store %112, %117 : i8, !llvm.ptr
    %118 = llvm.add %98, %13 : i64
    llvm.br ^bb29(%118 : i64)
  ^bb35:  // pred: ^bb29
    %119 = llvm.add %96, %13 : i64
    llvm.br ^bb27(%119 : i64)
  ^bb36:  // pred: ^bb27
    %120 = llvm.add %94, %13 : i64
    llvm.br ^bb25(%120 : i64)
  ^bb37:  // pred: ^bb25
    llvm.call @mxfp4_barrier(%arg0) : (!llvm.ptr) -> ()
    %121 = llvm.getelementptr %36[196608] : (!llvm.ptr) -> !llvm.ptr, i8
    %122 = llvm.mul %24, %21 : i64
    %123 = llvm.udiv %122, %26 : i64
    %124 = llvm.mul %40, %21 : i64
    %125 = llvm.udiv %124, %26 : i64
    llvm.br ^bb38(%123 : i64)
  ^bb38(%126: i64):  // 2 preds: ^bb37, ^bb39
    %127 = llvm.icmp "slt" %126, %125 : i64
    llvm.cond_br %127, ^bb39, ^bb40
  ^bb39:  // pred: ^bb38
    %128 = llvm.getelementptr inbounds|nuw %37[%126] : (!llvm.ptr, i64) -> !llvm.ptr, f32
    %129 = llvm.load %128 : !llvm.ptr -> f32
    %130 = llvm.fcmp "une" %129, %129 : f32
    %131 = llvm.bitcast %129 : f32 to i32
    %132 = llvm.lshr %131, %6 : i32
    %133 = llvm.and %132, %5 : i32
    %134 = llvm.add %133, %8 : i32
    %135 = llvm.add %131, %134 : i32
    %136 = llvm.lshr %135, %6 : i32
    %137 = llvm.trunc %136 : i32 to i16
    %138 = llvm.select %130, %7, %137 : i1, i16
    %139 = llvm.getelementptr inbounds|nuw %121[%126] : (!llvm.ptr, i64) -> !llvm.ptr, i16
    llvm.store %138, %139 : i16, !llvm.ptr
    %140 = llvm.add %126, %13 : i64
    llvm.br ^bb38(%140 : i64)
  ^bb40:  // pred: ^bb38
    llvm.call @mxfp4_barrier(%arg0) : (!llvm.ptr) -> ()
    llvm.br ^bb41(%39 : i64)
  ^bb41(%141: i64):  // 2 preds: ^bb40, ^bb48
    %142 = llvm.icmp "slt" %141, %42 : i64
    llvm.cond_br %142, ^bb42, ^bb49
  ^bb42:  // pred: ^bb41
    llvm.br ^bb43(%11 : i64)
  ^bb43(%143: i64):  // 2 preds: ^bb42, ^bb47
    %144 = llvm.icmp "slt" %143, %18 : i64
    llvm.cond_br %144, ^bb44, ^bb48
  ^bb44:  // pred: ^bb43
    llvm.br ^bb45(%11 : i64)
  ^bb45(%145: i64):  // 2 preds: ^bb44, ^bb46
    %146 = llvm.icmp "slt" %145, %19 : i64
    llvm.cond_br %146, ^bb46, ^bb47
  ^bb46:  // pred: ^bb45
    %147 = llvm.mul %141, %20 overflow<nsw, nuw> : i64
    %148 = llvm.mul %143, %19 overflow<nsw, nuw> : i64
    %149 = llvm.add %147, %148 overflow<nsw, nuw> : i64
    %150 = llvm.add %149, %145 overflow<nsw, nuw> : i64
    %151 = llvm.getelementptr inbounds|nuw %93[%150] : (!llvm.ptr, i64) -> !llvm.ptr, i8
    %152 = llvm.load %151 : !llvm.ptr -> i8
    %153 = llvm.zext %152 : i8 to i32
    %154 = llvm.getelementptr inbounds|nuw %36[%150] : (!llvm.ptr, i64) -> !llvm.ptr, i32
    llvm.store %153, %154 : i32, !llvm.ptr
    %155 = llvm.add %145, %13 : i64
    llvm.br ^bb45(%155 : i64)
  ^bb47:  // pred: ^bb45
    %156 = llvm.add %143, %13 : i64
    llvm.br ^bb43(%156 : i64)
  ^bb48:  // pred: ^bb43
    %157 = llvm.add %141, %13 : i64
    llvm.br ^bb41(%157 : i64)
  ^bb49:  // pred: ^bb41
    llvm.call @mxfp4_barrier(%arg0) : (!llvm.ptr) -> ()
    %158 = llvm.getelementptr %36[147456] : (!llvm.ptr) -> !llvm.ptr, i8
    llvm.br ^bb50(%39 : i64)
  ^bb50(%159: i64):  // 2 preds: ^bb49, ^bb57
    %160 = llvm.icmp "slt" %159, %42 : i64
    llvm.cond_br %160, ^bb51, ^bb58
  ^bb51:  // pred: ^bb50
    llvm.br ^bb52(%11 : i64)
  ^bb52(%161: i64):  // 2 preds: ^bb51, ^bb56
    %162 = llvm.icmp "slt" %161, %18 : i64
    llvm.cond_br %162, ^bb53, ^bb57
  ^bb53:  // pred: ^bb52
    llvm.br ^bb54(%11 : i64)
  ^bb54(%163: i64):  // 2 preds: ^bb53, ^bb55
    %164 = llvm.icmp "slt" %163, %19 : i64
    llvm.cond_br %164, ^bb55, ^bb56
  ^bb55:  // pred: ^bb54
    %165 = llvm.mul %159, %20 overflow<nsw, nuw> : i64
    %166 = llvm.mul %161, %19 overflow<nsw, nuw> : i64
    %167 = llvm.add %165, %166 overflow<nsw, nuw> : i64
    %168 = llvm.add %167, %163 overflow<nsw, nuw> : i64
    %169 = llvm.add %168, %11 overflow<nsw, nuw> : i64
    %170 = llvm.getelementptr inbounds|nuw %36[%169] : (!llvm.ptr, i64) -> !llvm.ptr, i32
    %171 = llvm.load %170 : !llvm.ptr -> i32
    %172 = llvm.sext %171 : i32 to i64
    %173 = llvm.icmp "sgt" %172, %11 : i64
    %174 = llvm.select %173, %172, %11 : i1, i64
    %175 = llvm.icmp "slt" %174, %12 : i64
    %176 = llvm.select %175, %174, %12 : i1, i64
    %177 = llvm.getelementptr inbounds|nuw %121[%176] : (!llvm.ptr, i64) -> !llvm.ptr, i16
    %178 = llvm.load %177 : !llvm.ptr -> i16
    %179 = llvm.getelementptr inbounds|nuw %158[%168] : (!llvm.ptr, i64) -> !llvm.ptr, i16
    llvm.store %178, %179 : i16, !llvm.ptr
    %180 = llvm.add %163, %13 : i64
    llvm.br ^bb54(%180 : i64)
  ^bb56:  // pred: ^bb54
    %181 = llvm.add %161, %13 : i64
    llvm.br ^bb52(%181 : i64)
  ^bb57:  // pred: ^bb52
    %182 = llvm.add %159, %13 : i64
    llvm.br ^bb50(%182 : i64)
  ^bb58:  // pred: ^bb50
    llvm.call @mxfp4_barrier(%arg0) : (!llvm.ptr) -> ()
    %183 = llvm.getelementptr %36[1536] : (!llvm.ptr) -> !llvm.ptr, i8
    llvm.br ^bb59(%39 : i64)
  ^bb59(%184: i64):  // 2 preds: ^bb58, ^bb63
    %185 = llvm.icmp "slt" %184, %42 : i64
    llvm.cond_br %185, ^bb60, ^bb64
  ^bb60:  // pred: ^bb59
    llvm.br ^bb61(%11 : i64)
  ^bb61(%186: i64):  // 2 preds: ^bb60, ^bb62
    %187 = llvm.icmp "slt" %186, %18 : i64
    llvm.cond_br %187, ^bb62, ^bb63
  ^bb62:  // pred: ^bb61
    %188 = llvm.mul %184, %18 overflow<nsw, nuw> : i64
    %189 = llvm.add %188, %186 overflow<nsw, nuw> : i64
    %190 = llvm.getelementptr inbounds|nuw %32[%189] : (!llvm.ptr, i64) -> !llvm.ptr, i8
    %191 = llvm.load %190 : !llvm.ptr -> i8
    %192 = llvm.uitofp %191 : i8 to f32
    %193 = llvm.fcmp "une" %192, %192 : f32
    %194 = llvm.bitcast %192 : f32 to i32
    %195 = llvm.lshr %194, %6 : i32
    %196 = llvm.and %195, %5 : i32
    %197 = llvm.add %196, %8 : i32
    %198 = llvm.add %194, %197 : i32
    %199 = llvm.lshr %198, %6 : i32
    %200 = llvm.trunc %199 : i32 to i16
    %201 = llvm.select %193, %7, %200 : i1, i16
    %202 = llvm.getelementptr inbounds|nuw %183[%189] : (!llvm.ptr, i64) -> !llvm.ptr, i16
    llvm.store %201, %202 : i16, !llvm.ptr
    %203 = llvm.add %186, %13 : i64
    llvm.br ^bb61(%203 : i64)
  ^bb63:  // pred: ^bb61
    %204 = llvm.add %184, %13 : i64
    llvm.br ^bb59(%204 : i64)
  ^bb64:  // pred: ^bb59
    llvm.call @mxfp4_barrier(%arg0) : (!llvm.ptr) -> ()
    llvm.br ^bb65(%39 : i64)
  ^bb65(%205: i64):  // 2 preds: ^bb64, ^bb69
    %206 = llvm.icmp "slt" %205, %42 : i64
    llvm.cond_br %206, ^bb66, ^bb70
  ^bb66:  // pred: ^bb65
    llvm.br ^bb67(%11 : i64)
  ^bb67(%207: i64):  // 2 preds: ^bb66, ^bb68
    %208 = llvm.icmp "slt" %207, %18 : i64
    llvm.cond_br %208, ^bb68, ^bb69
  ^bb68:  // pred: ^bb67
    %209 = llvm.load %1 : !llvm.ptr -> i16
    %210 = llvm.mul %205, %18 overflow<nsw, nuw> : i64
    %211 = llvm.add %210, %207 overflow<nsw, nuw> : i64
    %212 = llvm.getelementptr inbounds|nuw %36[%211] : (!llvm.ptr, i64) -> !llvm.ptr, i16
    llvm.store %209, %212 : i16, !llvm.ptr
    %213 = llvm.add %207, %13 : i64
    llvm.br ^bb67(%213 : i64)
  ^bb69:  // pred: ^bb67
    %214 = llvm.add %205, %13 : i64
    llvm.br ^bb65(%214 : i64)
  ^bb70:  // pred: ^bb65
    llvm.call @mxfp4_barrier(%arg0) : (!llvm.ptr) -> ()
    %215 = llvm.getelementptr %36[3072] : (!llvm.ptr) -> !llvm.ptr, i8
    llvm.br ^bb71(%39 : i64)
  ^bb71(%216: i64):  // 2 preds: ^bb70, ^bb75
    %217 = llvm.icmp "slt" %216, %42 : i64
    llvm.cond_br %217, ^bb72, ^bb76
  ^bb72:  // pred: ^bb71
    llvm.br ^bb73(%11 : i64)
  ^bb73(%218: i64):  // 2 preds: ^bb72, ^bb74
    %219 = llvm.icmp "slt" %218, %18 : i64
    llvm.cond_br %219, ^bb74, ^bb75
  ^bb74:  // pred: ^bb73
    %220 = llvm.mul %216, %18 overflow<nsw, nuw> : i64
    %221 = llvm.add %220, %218 overflow<nsw, nuw> : i64
    %222 = llvm.getelementptr inbounds|nuw %183[%221] : (!llvm.ptr, i64) -> !llvm.ptr, i16
    %223 = llvm.load %222 : !llvm.ptr -> i16
    %224 = llvm.zext %223 : i16 to i32
    %225 = llvm.shl %224, %6 : i32
    %226 = llvm.bitcast %225 : i32 to f32
    %227 = llvm.getelementptr inbounds|nuw %36[%221] : (!llvm.ptr, i64) -> !llvm.ptr, i16
    %228 = llvm.load %227 : !llvm.ptr -> i16
    %229 = llvm.zext %228 : i16 to i32
    %230 = llvm.shl %229, %6 : i32
    %231 = llvm.bitcast %230 : i32 to f32
    %232 = llvm.fsub %226, %231 : f32
    %233 = llvm.fcmp "une" %232, %232 : f32
    %234 = llvm.bitcast %232 : f32 to i32
    %235 = llvm.lshr %234, %6 : i32
    %236 = llvm.and %235, %5 : i32
    %237 = llvm.add %236, %8 : i32
    %238 = llvm.add %234, %237 : i32
    %239 = llvm.lshr %238, %6 : i32
    %240 = llvm.trunc %239 : i32 to i16
    %241 = llvm.select %233, %7, %240 : i1, i16
    %242 = llvm.getelementptr inbounds|nuw %215[%221] : (!llvm.ptr, i64) -> !llvm.ptr, i16
    llvm.store %241, %242 : i16, !llvm.ptr
    %243 = llvm.add %218, %13 : i64
    llvm.br ^bb73(%243 : i64)
  ^bb75:  // pred: ^bb73
    %244 = llvm.add %216, %13 : i64
    llvm.br ^bb71(%244 : i64)
  ^bb76:  // pred: ^bb71
    llvm.call @mxfp4_barrier(%arg0) : (!llvm.ptr) -> ()
    llvm.br ^bb77(%39 : i64)
  ^bb77(%245: i64):  // 2 preds: ^bb76, ^bb81
    %246 = llvm.icmp "slt" %245, %42 : i64
    llvm.cond_br %246, ^bb78, ^bb82
  ^bb78:  // pred: ^bb77
    llvm.br ^bb79(%11 : i64)
  ^bb79(%247: i64):  // 2 preds: ^bb78, ^bb80
    %248 = llvm.icmp "slt" %247, %18 : i64
    llvm.cond_br %248, ^bb80, ^bb81
  ^bb80:  // pred: ^bb79
    %249 = llvm.load %0 : !llvm.ptr -> i16
    %250 = llvm.mul %245, %18 overflow<nsw, nuw> : i64
    %251 = llvm.add %250, %247 overflow<nsw, nuw> : i64
    %252 = llvm.getelementptr inbounds|nuw %36[%251] : (!llvm.ptr, i64) -> !llvm.ptr, i16
    llvm.store %249, %252 : i16, !llvm.ptr
    %253 = llvm.add %247, %13 : i64
    llvm.br ^bb79(%253 : i64)
  ^bb81:  // pred: ^bb79
    %254 = llvm.add %245, %13 : i64
    llvm.br ^bb77(%254 : i64)
  ^bb82:  // pred: ^bb77
    llvm.call @mxfp4_barrier(%arg0) : (!llvm.ptr) -> ()
    llvm.br ^bb83(%39 : i64)
  ^bb83(%255: i64):  // 2 preds: ^bb82, ^bb87
    %256 = llvm.icmp "slt" %255, %42 : i64
    llvm.cond_br %256, ^bb84, ^bb88
  ^bb84:  // pred: ^bb83
    llvm.br ^bb85(%11 : i64)
  ^bb85(%257: i64):  // 2 preds: ^bb84, ^bb86
    %258 = llvm.icmp "slt" %257, %18 : i64
    llvm.cond_br %258, ^bb86, ^bb87
  ^bb86:  // pred: ^bb85
    %259 = llvm.mul %255, %18 overflow<nsw, nuw> : i64
    %260 = llvm.add %259, %257 overflow<nsw, nuw> : i64
    %261 = llvm.getelementptr inbounds|nuw %36[%260] : (!llvm.ptr, i64) -> !llvm.ptr, i16
    %262 = llvm.load %261 : !llvm.ptr -> i16
    %263 = llvm.zext %262 : i16 to i32
    %264 = llvm.shl %263, %6 : i32
    %265 = llvm.bitcast %264 : i32 to f32
    %266 = llvm.getelementptr inbounds|nuw %215[%260] : (!llvm.ptr, i64) -> !llvm.ptr, i16
    %267 = llvm.load %266 : !llvm.ptr -> i16
    %268 = llvm.zext %267 : i16 to i32
    %269 = llvm.shl %268, %6 : i32
    %270 = llvm.bitcast %269 : i32 to f32
    %271 = llvm.fmul %265, %270 : f32
    %272 = llvm.fcmp "une" %271, %271 : f32
    %273 = llvm.bitcast %271 : f32 to i32
    %274 = llvm.lshr %273, %6 : i32
    %275 = llvm.and %274, %5 : i32
    %276 = llvm.add %275, %8 : i32
    %277 = llvm.add %273, %276 : i32
    %278 = llvm.lshr %277, %6 : i32
    %279 = llvm.trunc %278 : i32 to i16
    %280 = llvm.select %272, %7, %279 : i1, i16
    llvm.store %280, %261 : i16, !llvm.ptr
    %281 = llvm.add %257, %13 : i64
    llvm.br ^bb85(%281 : i64)
  ^bb87:  // pred: ^bb85
    %282 = llvm.add %255, %13 : i64
    llvm.br ^bb83(%282 : i64)
  ^bb88:  // pred: ^bb83
    llvm.call @mxfp4_barrier(%arg0) : (!llvm.ptr) -> ()
    llvm.br ^bb89(%39 : i64)
  ^bb89(%283: i64):  // 2 preds: ^bb88, ^bb93
    %284 = llvm.icmp "slt" %283, %42 : i64
    llvm.cond_br %284, ^bb90, ^bb94
  ^bb90:  // pred: ^bb89
    llvm.br ^bb91(%11 : i64)
  ^bb91(%285: i64):  // 2 preds: ^bb90, ^bb92
    %286 = llvm.icmp "slt" %285, %18 : i64
    llvm.cond_br %286, ^bb92, ^bb93
  ^bb92:  // pred: ^bb91
    %287 = llvm.mul %283, %18 overflow<nsw, nuw> : i64
    %288 = llvm.add %287, %285 overflow<nsw, nuw> : i64
    %289 = llvm.getelementptr inbounds|nuw %36[%288] : (!llvm.ptr, i64) -> !llvm.ptr, i16
    %290 = llvm.load %289 : !llvm.ptr -> i16
    %291 = llvm.zext %290 : i16 to i32
    %292 = llvm.shl %291, %6 : i32
    %293 = llvm.bitcast %292 : i32 to f32
    %294 = llvm.intr.exp(%293) : (f32) -> f32
    %295 = llvm.fcmp "une" %294, %294 : f32
    %296 = llvm.bitcast %294 : f32 to i32
    %297 = llvm.lshr %296, %6 : i32
    %298 = llvm.and %297, %5 : i32
    %299 = llvm.add %298, %8 : i32
    %300 = llvm.add %296, %299 : i32
    %301 = llvm.lshr %300, %6 : i32
    %302 = llvm.trunc %301 : i32 to i16
    %303 = llvm.select %295, %7, %302 : i1, i16
    llvm.store %303, %289 : i16, !llvm.ptr
    %304 = llvm.add %285, %13 : i64
    llvm.br ^bb91(%304 : i64)
  ^bb93:  // pred: ^bb91
    %305 = llvm.add %283, %13 : i64
    llvm.br ^bb89(%305 : i64)
  ^bb94:  // pred: ^bb89
    llvm.call @mxfp4_barrier(%arg0) : (!llvm.ptr) -> ()
    llvm.br ^bb95(%39 : i64)
  ^bb95(%306: i64):  // 2 preds: ^bb94, ^bb102
    %307 = llvm.icmp "slt" %306, %42 : i64
    llvm.cond_br %307, ^bb96, ^bb103
  ^bb96:  // pred: ^bb95
    llvm.br ^bb97(%11 : i64)
  ^bb97(%308: i64):  // 2 preds: ^bb96, ^bb101
    %309 = llvm.icmp "slt" %308, %18 : i64
    llvm.cond_br %309, ^bb98, ^bb102
  ^bb98:  // pred: ^bb97
    llvm.br ^bb99(%11 : i64)
  ^bb99(%310: i64):  // 2 preds: ^bb98, ^bb100
    %311 = llvm.icmp "slt" %310, %19 : i64
    llvm.cond_br %311, ^bb100, ^bb101
  ^bb100:  // pred: ^bb99
    %312 = llvm.mul %306, %18 overflow<nsw, nuw> : i64
    %313 = llvm.add %312, %308 overflow<nsw, nuw> : i64
    %314 = llvm.add %313, %11 overflow<nsw, nuw> : i64
    %315 = llvm.getelementptr inbounds|nuw %36[%314] : (!llvm.ptr, i64) -> !llvm.ptr, i16
    %316 = llvm.load %315 : !llvm.ptr -> i16
    %317 = llvm.mul %306, %20 overflow<nsw, nuw> : i64
    %318 = llvm.mul %308, %19 overflow<nsw, nuw> : i64
    %319 = llvm.add %317, %318 overflow<nsw, nuw> : i64
    %320 = llvm.add %319, %310 overflow<nsw, nuw> : i64
    %321 = llvm.getelementptr inbounds|nuw %93[%320] : (!llvm.ptr, i64) -> !llvm.ptr, i16
    llvm.store %316, %321 : i16, !llvm.ptr
    %322 = llvm.add %310, %13 : i64
    llvm.br ^bb99(%322 : i64)
  ^bb101:  // pred: ^bb99
    %323 = llvm.add %308, %13 : i64
    llvm.br ^bb97(%323 : i64)
  ^bb102:  // pred: ^bb97
    %324 = llvm.add %306, %13 : i64
    llvm.br ^bb95(%324 : i64)
  ^bb103:  // pred: ^bb95
    llvm.call @mxfp4_barrier(%arg0) : (!llvm.ptr) -> ()
    llvm.br ^bb104(%39 : i64)
  ^bb104(%325: i64):  // 2 preds: ^bb103, ^bb111
    %326 = llvm.icmp "slt" %325, %42 : i64
    llvm.cond_br %326, ^bb105, ^bb112
  ^bb105:  // pred: ^bb104
    llvm.br ^bb106(%11 : i64)
  ^bb106(%327: i64):  // 2 preds: ^bb105, ^bb110
    %328 = llvm.icmp "slt" %327, %18 : i64
    llvm.cond_br %328, ^bb107, ^bb111
  ^bb107:  // pred: ^bb106
    llvm.br ^bb108(%11 : i64)
  ^bb108(%329: i64):  // 2 preds: ^bb107, ^bb109
    %330 = llvm.icmp "slt" %329, %19 : i64
    llvm.cond_br %330, ^bb109, ^bb110
  ^bb109:  // pred: ^bb108
    %331 = llvm.mul %325, %20 overflow<nsw, nuw> : i64
    %332 = llvm.mul %327, %19 overflow<nsw, nuw> : i64
    %333 = llvm.add %331, %332 overflow<nsw, nuw> : i64
    %334 = llvm.add %333, %329 overflow<nsw, nuw> : i64
    %335 = llvm.getelementptr inbounds|nuw %158[%334] : (!llvm.ptr, i64) -> !llvm.ptr, i16
    %336 = llvm.load %335 : !llvm.ptr -> i16
    %337 = llvm.zext %336 : i16 to i32
    %338 = llvm.shl %337, %6 : i32
    %339 = llvm.bitcast %338 : i32 to f32
    %340 = llvm.getelementptr inbounds|nuw %93[%334] : (!llvm.ptr, i64) -> !llvm.ptr, i16
    %341 = llvm.load %340 : !llvm.ptr -> i16
    %342 = llvm.zext %341 : i16 to i32
    %343 = llvm.shl %342, %6 : i32
    %344 = llvm.bitcast %343 : i32 to f32
    %345 = llvm.fmul %339, %344 : f32
    %346 = llvm.fcmp "une" %345, %345 : f32
    %347 = llvm.bitcast %345 : f32 to i32
    %348 = llvm.lshr %347, %6 : i32
    %349 = llvm.and %348, %5 : i32
    %350 = llvm.add %349, %8 : i32
    %351 = llvm.add %347, %350 : i32
    %352 = llvm.lshr %351, %6 : i32
    %353 = llvm.trunc %352 : i32 to i16
    %354 = llvm.select %346, %7, %353 : i1, i16
    llvm.store %354, %340 : i16, !llvm.ptr
    %355 = llvm.add %329, %13 : i64
    llvm.br ^bb108(%355 : i64)
  ^bb110:  // pred: ^bb108
    %356 = llvm.add %327, %13 : i64
    llvm.br ^bb106(%356 : i64)
  ^bb111:  // pred: ^bb106
    %357 = llvm.add %325, %13 : i64
    llvm.br ^bb104(%357 : i64)
  ^bb112:  // pred: ^bb104
    llvm.call @mxfp4_barrier(%arg0) : (!llvm.ptr) -> ()
    %358 = llvm.mul %24, %20 : i64
    %359 = llvm.udiv %358, %26 : i64
    %360 = llvm.mul %40, %20 : i64
    %361 = llvm.udiv %360, %26 : i64
    llvm.br ^bb113(%359 : i64)
  ^bb113(%362: i64):  // 2 preds: ^bb112, ^bb117
    %363 = llvm.icmp "slt" %362, %361 : i64
    llvm.cond_br %363, ^bb114, ^bb118
  ^bb114:  // pred: ^bb113
    llvm.br ^bb115(%11 : i64)
  ^bb115(%364: i64):  // 2 preds: ^bb114, ^bb116
    %365 = llvm.icmp "slt" %364, %15 : i64
    llvm.cond_br %365, ^bb116, ^bb117
  ^bb116:  // pred: ^bb115
    %366 = llvm.mul %364, %20 overflow<nsw, nuw> : i64
    %367 = llvm.add %366, %362 overflow<nsw, nuw> : i64
    %368 = llvm.getelementptr inbounds|nuw %93[%367] : (!llvm.ptr, i64) -> !llvm.ptr, i16
    %369 = llvm.load %368 : !llvm.ptr -> i16
    %370 = llvm.mul %362, %15 overflow<nsw, nuw> : i64
    %371 = llvm.add %370, %364 overflow<nsw, nuw> : i64
    %372 = llvm.getelementptr inbounds|nuw %36[%371] : (!llvm.ptr, i64) -> !llvm.ptr, i16
    llvm.store %369, %372 : i16, !llvm.ptr
    %373 = llvm.add %364, %13 : i64
    llvm.br ^bb115(%373 : i64)
  ^bb117:  // pred: ^bb115
    %374 = llvm.add %362, %13 : i64
    llvm.br ^bb113(%374 : i64)
  ^bb118:  // pred: ^bb113
    llvm.call @mxfp4_barrier(%arg0) : (!llvm.ptr) -> ()
    %375 = llvm.getelementptr %36[49152] : (!llvm.ptr) -> !llvm.ptr, i8
    %376 = llvm.mul %24, %22 : i64
    %377 = llvm.udiv %376, %26 : i64
    %378 = llvm.mul %40, %22 : i64
    %379 = llvm.udiv %378, %26 : i64
    llvm.br ^bb119(%377 : i64)
  ^bb119(%380: i64):  // 2 preds: ^bb118, ^bb123
    %381 = llvm.icmp "slt" %380, %379 : i64
    llvm.cond_br %381, ^bb120, ^bb124
  ^bb120:  // pred: ^bb119
    llvm.br ^bb121(%11 : i64)
  ^bb121(%382: i64):  // 2 preds: ^bb120, ^bb122
    %383 = llvm.icmp "slt" %382, %15 : i64
    llvm.cond_br %383, ^bb122, ^bb123
  ^bb122:  // pred: ^bb121
    %384 = llvm.mul %380, %15 overflow<nsw, nuw> : i64
    %385 = llvm.add %384, %382 overflow<nsw, nuw> : i64
    %386 = llvm.getelementptr inbounds|nuw %375[%385] : (!llvm.ptr, i64) -> !llvm.ptr, f32
    llvm.store %14, %386 : f32, !llvm.ptr
    %387 = llvm.add %382, %13 : i64
    llvm.br ^bb121(%387 : i64)
  ^bb123:  // pred: ^bb121
    %388 = llvm.add %380, %13 : i64
    llvm.br ^bb119(%388 : i64)
  ^bb124:  // pred: ^bb119
    llvm.call @mxfp4_barrier(%arg0) : (!llvm.ptr) -> ()
    llvm.br ^bb125(%377 : i64)
  ^bb125(%389: i64):  // 2 preds: ^bb124, ^bb132
    %390 = llvm.icmp "slt" %389, %379 : i64
    llvm.cond_br %390, ^bb126, ^bb133
  ^bb126:  // pred: ^bb125
    llvm.br ^bb127(%11 : i64)
  ^bb127(%391: i64):  // 2 preds: ^bb126, ^bb131
    %392 = llvm.icmp "slt" %391, %15 : i64
    llvm.cond_br %392, ^bb128, ^bb132
  ^bb128:  // pred: ^bb127
    llvm.br ^bb129(%11 : i64)
  ^bb129(%393: i64):  // 2 preds: ^bb128, ^bb130
    %394 = llvm.icmp "slt" %393, %20 : i64
    llvm.cond_br %394, ^bb130, ^bb131
  ^bb130:  // pred: ^bb129
    %395 = llvm.mul %389, %20 overflow<nsw, nuw> : i64
    %396 = llvm.add %395, %393 overflow<nsw, nuw> : i64
    %397 = llvm.getelementptr inbounds|nuw %28[%396] : (!llvm.ptr, i64) -> !llvm.ptr, i16
    %398 = llvm.load %397 : !llvm.ptr -> i16
    %399 = llvm.mul %393, %15 overflow<nsw, nuw> : i64
    %400 = llvm.add %399, %391 overflow<nsw, nuw> : i64
    %401 = llvm.getelementptr inbounds|nuw %36[%400] : (!llvm.ptr, i64) -> !llvm.ptr, i16
    %402 = llvm.load %401 : !llvm.ptr -> i16
    %403 = llvm.mul %389, %15 overflow<nsw, nuw> : i64
    %404 = llvm.add %403, %391 overflow<nsw, nuw> : i64
    %405 = llvm.getelementptr inbounds|nuw %375[%404] : (!llvm.ptr, i64) -> !llvm.ptr, f32
    %406 = llvm.load %405 : !llvm.ptr -> f32
    %407 = llvm.zext %398 : i16 to i32
    %408 = llvm.shl %407, %6 : i32
    %409 = llvm.bitcast %408 : i32 to f32
    %410 = llvm.zext %402 : i16 to i32
    %411 = llvm.shl %410, %6 : i32
    %412 = llvm.bitcast %411 : i32 to f32
    %413 = llvm.fmul %409, %412 : f32
    %414 = llvm.fadd %406, %413 : f32
    llvm.store %414, %405 : f32, !llvm.ptr
    %415 = llvm.add %393, %13 : i64
    llvm.br ^bb129(%415 : i64)
  ^bb131:  // pred: ^bb129
    %416 = llvm.add %391, %13 : i64
    llvm.br ^bb127(%416 : i64)
  ^bb132:  // pred: ^bb127
    %417 = llvm.add %389, %13 : i64
    llvm.br ^bb125(%417 : i64)
  ^bb133:  // pred: ^bb125
    llvm.call @mxfp4_barrier(%arg0) : (!llvm.ptr) -> ()
    llvm.br ^bb134(%377 : i64)
  ^bb134(%418: i64):  // 2 preds: ^bb133, ^bb138
    %419 = llvm.icmp "slt" %418, %379 : i64
    llvm.cond_br %419, ^bb135, ^bb139
  ^bb135:  // pred: ^bb134
    llvm.br ^bb136(%11 : i64)
  ^bb136(%420: i64):  // 2 preds: ^bb135, ^bb137
    %421 = llvm.icmp "slt" %420, %15 : i64
    llvm.cond_br %421, ^bb137, ^bb138
  ^bb137:  // pred: ^bb136
    %422 = llvm.mul %418, %15 overflow<nsw, nuw> : i64
    %423 = llvm.add %422, %420 overflow<nsw, nuw> : i64
    %424 = llvm.getelementptr inbounds|nuw %375[%423] : (!llvm.ptr, i64) -> !llvm.ptr, f32
    %425 = llvm.load %424 : !llvm.ptr -> f32
    %426 = llvm.fcmp "une" %425, %425 : f32
    %427 = llvm.bitcast %425 : f32 to i32
    %428 = llvm.lshr %427, %6 : i32
    %429 = llvm.and %428, %5 : i32
    %430 = llvm.add %429, %8 : i32
    %431 = llvm.add %427, %430 : i32
    %432 = llvm.lshr %431, %6 : i32
    %433 = llvm.trunc %432 : i32 to i16
    %434 = llvm.select %426, %7, %433 : i1, i16
    %435 = llvm.getelementptr inbounds|nuw %34[%423] : (!llvm.ptr, i64) -> !llvm.ptr, i16
    llvm.store %434, %435 : i16, !llvm.ptr
    %436 = llvm.add %420, %13 : i64
    llvm.br ^bb136(%436 : i64)
  ^bb138:  // pred: ^bb136
    %437 = llvm.add %418, %13 : i64
    llvm.br ^bb134(%437 : i64)
  ^bb139:  // pred: ^bb134
    llvm.call @mxfp4_barrier(%arg0) : (!llvm.ptr) -> ()
    llvm.return
  }
}
