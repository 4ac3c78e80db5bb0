// A provider with the schemas of a real one and nothing behind them: it takes whatever fits, and makes up what a cloud would answer.
// So `terraform validate` and `apply` check types, names, references and conditions of the modules without a cloud.
//
// STUB_SCHEMA is the file that schema.py printed, STUB_PROVIDER the provider's name in it.
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"log"
	"os"
	"strings"

	"github.com/hashicorp/terraform-plugin-go/tfprotov5"
	"github.com/hashicorp/terraform-plugin-go/tfprotov5/tf5server"
	"github.com/hashicorp/terraform-plugin-go/tftypes"
)

type attribute struct {
	Type     any
	Required bool
	Given    bool
}

type nested struct {
	Nesting string
	Block   block
}

type block struct {
	Attributes map[string]attribute
	Blocks     map[string]nested
}

type provider struct {
	name      string
	Resources map[string]block
	Data      map[string]block
}

func wire(kind any) tftypes.Type {
	simple := map[string]tftypes.Type{"string": tftypes.String, "number": tftypes.Number, "bool": tftypes.Bool, "dynamic": tftypes.DynamicPseudoType}
	switch kind := kind.(type) {
	case string:
		return simple[kind]
	case []any:
		element := wire(kind[1])
		switch kind[0] {
		case "set":
			return tftypes.Set{ElementType: element}
		case "map":
			return tftypes.Map{ElementType: element}
		}
		return tftypes.List{ElementType: element}
	}
	panic(fmt.Sprint(kind))
}

func (b block) schema(top bool) *tfprotov5.SchemaBlock {
	out := &tfprotov5.SchemaBlock{}
	for name, a := range b.Attributes {
		out.Attributes = append(out.Attributes, &tfprotov5.SchemaAttribute{
			Name: name, Type: wire(a.Type), Required: a.Required,
			Optional: a.Given && !a.Required, Computed: !a.Required && (top || !a.Given),
		})
	}
	for name, n := range b.Blocks {
		nesting := map[string]tfprotov5.SchemaNestedBlockNestingMode{
			"list": tfprotov5.SchemaNestedBlockNestingModeList, "set": tfprotov5.SchemaNestedBlockNestingModeSet,
			"single": tfprotov5.SchemaNestedBlockNestingModeSingle,
		}[n.Nesting]
		out.BlockTypes = append(out.BlockTypes, &tfprotov5.SchemaNestedBlock{TypeName: name, Block: n.Block.schema(false), Nesting: nesting})
	}
	return out
}

func (b block) wire() tftypes.Type { return b.schema(true).ValueType() }

// fill gives each null or unknown attribute that a cloud would answer a value, or makes it unknown.
func (b block) fill(kind string, value tftypes.Value, unknown bool, top bool) (tftypes.Value, error) {
	var fields map[string]tftypes.Value
	if !value.IsKnown() || value.IsNull() {
		return value, nil
	}
	if err := value.As(&fields); err != nil {
		return value, err
	}
	for name, a := range b.Attributes {
		field := fields[name]
		open := !field.IsKnown() || (field.IsNull() && (!a.Given || name == "id" || (top && name == "region")))
		if !open {
			continue
		}
		switch {
		case unknown:
			fields[name] = tftypes.NewValue(wire(a.Type), tftypes.UnknownValue)
		default:
			fields[name] = made(kind, name, wire(a.Type), fields)
		}
	}
	for name, n := range b.Blocks {
		field := fields[name]
		if !field.IsKnown() || field.IsNull() || n.Nesting == "single" {
			continue
		}
		var items []tftypes.Value
		if err := field.As(&items); err != nil {
			return value, err
		}
		for at := range items {
			filled, err := n.Block.fill(kind, items[at], unknown, false)
			if err != nil {
				return value, err
			}
			items[at] = filled
		}
		fields[name] = tftypes.NewValue(field.Type(), items)
	}
	return tftypes.NewValue(value.Type(), fields), nil
}

// made is a value of the kind that a cloud would answer.
func made(kind, name string, wire tftypes.Type, fields map[string]tftypes.Value) tftypes.Value {
	if !wire.Is(tftypes.String) {
		return tftypes.NewValue(wire, nil)
	}
	text := func(name string) (text string) {
		if field, ok := fields[name]; ok && field.Type().Is(tftypes.String) && field.IsKnown() && !field.IsNull() {
			_ = field.As(&text)
		}
		return text
	}
	own := text("name")
	if bucket := text("bucket"); bucket != "" && strings.HasPrefix(kind, "aws_") {
		own = bucket
	}
	// So that what refers to one of several can be told from what refers to another. Their names are made up themselves.
	for _, name := range []string{"role_id", "account_id"} {
		if given := text(name); given != "" && strings.HasPrefix(kind, "google_") {
			own = given
		}
	}
	answer := own
	switch {
	case name == "email" && strings.HasPrefix(kind, "google_"):
		answer = own + "@example.iam.gserviceaccount.com"
	case name == "partition":
		answer = "aws"
	case name == "account_id" && strings.HasPrefix(kind, "aws_"):
		answer = "123456789012"
	case name == "region":
		answer = "eu-central-1"
	case name == "arn" && kind == "aws_s3_bucket":
		answer = "arn:aws:s3:::" + own
	case name == "arn":
		answer = fmt.Sprintf("arn:aws:iam::123456789012:%s/%s", strings.TrimPrefix(kind, "aws_iam_"), own)
	case strings.HasPrefix(kind, "azurerm_") && (name == "id" || strings.HasSuffix(name, "resource_id")):
		answer = "/subscriptions/0/" + kind + "/" + own
	case name != "id" || own == "":
		answer = kind + "." + name
	}
	return tftypes.NewValue(wire, answer)
}

func pack(kind tftypes.Type, value tftypes.Value) *tfprotov5.DynamicValue {
	out, err := tfprotov5.NewDynamicValue(kind, value)
	if err != nil {
		log.Fatal(err)
	}
	return &out
}

func (p *provider) filled(kinds map[string]block, kind string, in *tfprotov5.DynamicValue, unknown bool) (*tfprotov5.DynamicValue, error) {
	b := kinds[kind]
	value, err := in.Unmarshal(b.wire())
	if err != nil {
		return nil, err
	}
	value, err = b.fill(kind, value, unknown, true)
	if err != nil {
		return nil, err
	}
	return pack(b.wire(), value), nil
}

func (p *provider) schemas(kinds map[string]block) map[string]*tfprotov5.Schema {
	out := map[string]*tfprotov5.Schema{}
	for name, b := range kinds {
		out[name] = &tfprotov5.Schema{Block: b.schema(true)}
	}
	return out
}

var features = &tfprotov5.SchemaBlock{BlockTypes: []*tfprotov5.SchemaNestedBlock{
	{TypeName: "features", Nesting: tfprotov5.SchemaNestedBlockNestingModeList, Block: &tfprotov5.SchemaBlock{}},
}}

func (p *provider) GetMetadata(context.Context, *tfprotov5.GetMetadataRequest) (*tfprotov5.GetMetadataResponse, error) {
	return &tfprotov5.GetMetadataResponse{}, nil
}

func (p *provider) GetProviderSchema(context.Context, *tfprotov5.GetProviderSchemaRequest) (*tfprotov5.GetProviderSchemaResponse, error) {
	return &tfprotov5.GetProviderSchemaResponse{
		Provider: &tfprotov5.Schema{Block: features}, ResourceSchemas: p.schemas(p.Resources), DataSourceSchemas: p.schemas(p.Data),
	}, nil
}

func (p *provider) ReadResource(_ context.Context, in *tfprotov5.ReadResourceRequest) (*tfprotov5.ReadResourceResponse, error) {
	return &tfprotov5.ReadResourceResponse{NewState: in.CurrentState}, nil
}

func (p *provider) PlanResourceChange(_ context.Context, in *tfprotov5.PlanResourceChangeRequest) (*tfprotov5.PlanResourceChangeResponse, error) {
	state, err := p.filled(p.Resources, in.TypeName, in.ProposedNewState, true)
	return &tfprotov5.PlanResourceChangeResponse{PlannedState: state}, err
}

func (p *provider) ApplyResourceChange(_ context.Context, in *tfprotov5.ApplyResourceChangeRequest) (*tfprotov5.ApplyResourceChangeResponse, error) {
	state, err := p.filled(p.Resources, in.TypeName, in.PlannedState, false)
	return &tfprotov5.ApplyResourceChangeResponse{NewState: state}, err
}

func (p *provider) ReadDataSource(_ context.Context, in *tfprotov5.ReadDataSourceRequest) (*tfprotov5.ReadDataSourceResponse, error) {
	state, err := p.filled(p.Data, in.TypeName, in.Config, false)
	return &tfprotov5.ReadDataSourceResponse{State: state}, err
}

// What needs no answer of its own.

type rest struct{ tfprotov5.ProviderServer }

func (rest) GetResourceIdentitySchemas(context.Context, *tfprotov5.GetResourceIdentitySchemasRequest) (*tfprotov5.GetResourceIdentitySchemasResponse, error) {
	return &tfprotov5.GetResourceIdentitySchemasResponse{}, nil
}

func (rest) PrepareProviderConfig(_ context.Context, in *tfprotov5.PrepareProviderConfigRequest) (*tfprotov5.PrepareProviderConfigResponse, error) {
	return &tfprotov5.PrepareProviderConfigResponse{PreparedConfig: in.Config}, nil
}

func (rest) ConfigureProvider(context.Context, *tfprotov5.ConfigureProviderRequest) (*tfprotov5.ConfigureProviderResponse, error) {
	return &tfprotov5.ConfigureProviderResponse{}, nil
}

func (rest) StopProvider(context.Context, *tfprotov5.StopProviderRequest) (*tfprotov5.StopProviderResponse, error) {
	return &tfprotov5.StopProviderResponse{}, nil
}

func (rest) ValidateResourceTypeConfig(context.Context, *tfprotov5.ValidateResourceTypeConfigRequest) (*tfprotov5.ValidateResourceTypeConfigResponse, error) {
	return &tfprotov5.ValidateResourceTypeConfigResponse{}, nil
}

func (rest) ValidateDataSourceConfig(context.Context, *tfprotov5.ValidateDataSourceConfigRequest) (*tfprotov5.ValidateDataSourceConfigResponse, error) {
	return &tfprotov5.ValidateDataSourceConfigResponse{}, nil
}

type server struct {
	rest
	*provider
}

func (s server) GetMetadata(c context.Context, in *tfprotov5.GetMetadataRequest) (*tfprotov5.GetMetadataResponse, error) {
	return s.provider.GetMetadata(c, in)
}
func (s server) GetProviderSchema(c context.Context, in *tfprotov5.GetProviderSchemaRequest) (*tfprotov5.GetProviderSchemaResponse, error) {
	return s.provider.GetProviderSchema(c, in)
}
func (s server) ReadResource(c context.Context, in *tfprotov5.ReadResourceRequest) (*tfprotov5.ReadResourceResponse, error) {
	return s.provider.ReadResource(c, in)
}
func (s server) PlanResourceChange(c context.Context, in *tfprotov5.PlanResourceChangeRequest) (*tfprotov5.PlanResourceChangeResponse, error) {
	return s.provider.PlanResourceChange(c, in)
}
func (s server) ApplyResourceChange(c context.Context, in *tfprotov5.ApplyResourceChangeRequest) (*tfprotov5.ApplyResourceChangeResponse, error) {
	return s.provider.ApplyResourceChange(c, in)
}
func (s server) ReadDataSource(c context.Context, in *tfprotov5.ReadDataSourceRequest) (*tfprotov5.ReadDataSourceResponse, error) {
	return s.provider.ReadDataSource(c, in)
}
func (s server) UpgradeResourceState(_ context.Context, in *tfprotov5.UpgradeResourceStateRequest) (*tfprotov5.UpgradeResourceStateResponse, error) {
	b := s.Resources[in.TypeName]
	value, err := in.RawState.Unmarshal(b.wire())
	if err != nil {
		return nil, err
	}
	return &tfprotov5.UpgradeResourceStateResponse{UpgradedState: pack(b.wire(), value)}, nil
}

func main() {
	text, err := os.ReadFile(os.Getenv("STUB_SCHEMA"))
	if err != nil {
		log.Fatal(err)
	}
	all := map[string]*provider{}
	if err := json.Unmarshal(text, &all); err != nil {
		log.Fatal(err)
	}
	name := os.Getenv("STUB_PROVIDER")
	_ = tf5server.Serve("stub/hashicorp/"+name, func() tfprotov5.ProviderServer { return server{provider: all[name]} })
}
