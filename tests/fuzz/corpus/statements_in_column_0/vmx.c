static inline unsigned long vmcs_readl(unsigned long field)
{
	unsigned long value;
	asm volatile("vmread %1, %0" : "=r"(value) : "r"(field));
	return value;
}
static inline void vmcs_writel(unsigned long field, unsigned long value)
{
	asm volatile("vmwrite %0, %1" : : "r"(value), "r"(field));
}
void vmx_vcpu_run(struct kvm_vcpu *vcpu)
{
if (a) {
vmcs_writel(HOST_CR4, __read_cr4());
}
vmcs_writel(HOST_CR3, __read_cr4());
asm volatile("vmresume");
}
static struct kvm_x86_ops vmx_x86_ops = { .vcpu_run = vmx_vcpu_run };
