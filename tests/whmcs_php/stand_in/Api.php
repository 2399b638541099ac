<?php
// WHMCS's API as far as whmeter and its module call it, over HTTP or from within.

declare(strict_types=1);

namespace StandIn;

use WHMCS\Database\Capsule;

/** The API says no, in these words. */
final class Refusal extends \RuntimeException
{
}

/** It was done, and whoever asked does not hear of it. */
final class AnswerLost extends \RuntimeException
{
}

final class Api
{
    /** How many answers to which actions are lost yet, in a row of tblconfiguration. */
    public const LOST = 'StandInLost';
    private const PAGE = 25;

    /** @throws AnswerLost */
    public static function call(string $action, array $fields): array
    {
        $do = 'do' . $action;
        if (!method_exists(self::class, $do)) {
            return ['result' => 'error', 'message' => "Command $action Not Found"];
        }
        try {
            $answer = self::$do($fields);
        } catch (Refusal $refusal) {
            return ['result' => 'error', 'message' => $refusal->getMessage()];
        }
        self::lose($action);
        return ['result' => 'success'] + $answer;
    }

    private static function lose(string $action): void
    {
        $kept = Capsule::table('tblconfiguration')->where('setting', self::LOST)->value('value');
        $lost = json_decode((string) $kept, true) ?: [];
        if (($lost[$action] ?? 0) > 0) {
            $lost[$action]--;
            Capsule::table('tblconfiguration')->where('setting', self::LOST)->update(['value' => json_encode($lost)]);
            throw new AnswerLost("the answer to $action is lost");
        }
    }

    private static function doWhmcsDetails(): array
    {
        return ['whmcs' => ['version' => '9.0.2', 'canonicalversion' => '9.0.2-release.1']];
    }

    private static function doDecryptPassword(array $fields): array
    {
        return ['password' => Modules::decrypted((string) $fields['password2'])];
    }

    private static function doAddOrder(array $fields): array
    {
        $client = Capsule::table('tblclients')->where('id', (int) ($fields['clientid'] ?? 0))->first();
        if (!$client) {
            throw new Refusal('Client ID Not Found');
        }
        if ($client->status === 'Closed') {
            throw new Refusal('Unable to add order when client status is Closed');
        }
        $product = Capsule::table('tblproducts')->where('id', (int) ($fields['pid'][0] ?? 0))->first();
        if (!$product) {
            throw new Refusal('No items added to cart so order cannot proceed');
        }
        $cycle = ucfirst((string) $fields['billingcycle'][0]);
        $price = (float) ($fields['priceoverride'][0] ?? $product->stand_in_monthly);
        [$order, $service] = Orders::place((int) $client->id, (int) $product->id, (string) $fields['paymentmethod'], $cycle, $price);
        Capsule::table('tblhosting')->where('id', $service)->update(['domain' => (string) ($fields['domain'][0] ?? '')]);
        $made = ['orderid' => $order, 'serviceids' => (string) $service, 'productids' => (string) $service];
        if (empty($fields['noinvoice'])) {
            $today = ['userid' => $client->id, 'date' => date('Y-m-d'), 'duedate' => date('Y-m-d'), 'status' => 'Unpaid'];
            $made['invoiceid'] = (int) Capsule::table('tblinvoices')->insertGetId($today);
        }
        return $made;
    }

    private static function doAcceptOrder(array $fields): array
    {
        if (!Capsule::table('tblorders')->where('id', $fields['orderid'])->where('status', 'Pending')->exists()) {
            throw new Refusal('Order ID not found or Status not Pending');
        }
        Orders::accept((int) $fields['orderid'], (int) $fields['serverid'], (string) $fields['serviceusername']);
        if (!empty($fields['autosetup'])) {
            foreach (Capsule::table('tblhosting')->where('orderid', $fields['orderid'])->pluck('id') as $service) {
                Services::create((int) $service);
            }
        }
        return [];
    }

    private static function doUpdateClientProduct(array $fields): array
    {
        $columns = ['pid' => 'packageid', 'serverid' => 'server', 'status' => 'domainstatus', 'serviceusername' => 'username', 'domain' => 'domain', 'nextduedate' => 'nextduedate'];
        $changes = [];
        foreach (array_intersect_key($columns, $fields) as $field => $column) {
            $changes[$column] = $fields[$field];
        }
        if (in_array('domain', (array) ($fields['unset'] ?? []), true)) {
            $changes['domain'] = '';
        }
        $service = self::service($fields);
        Capsule::table('tblhosting')->where('id', $service)->update($changes);
        Hooks::run('ServiceEdit', ['serviceid' => $service]);
        return ['serviceid' => $service];
    }

    private static function doGetOrders(array $fields): array
    {
        $all = Capsule::table('tblorders')->orderByDesc('id');
        foreach (['id' => 'id', 'userid' => 'userid', 'status' => 'status'] as $field => $column) {
            if (($fields[$field] ?? '') !== '') {
                $all->where($column, $fields[$field]);
            }
        }
        return self::page($fields, $all, 'orders', 'order', static fn ($row) => (array) $row);
    }

    private static function doGetProducts(array $fields): array
    {
        $all = Capsule::table('tblproducts')->orderBy('id');
        if (($fields['pid'] ?? '') !== '') {
            $all->where('id', (int) $fields['pid']);
        }
        $rows = $all->get()->map(static fn ($row) => ['pid' => $row->id, 'name' => $row->name, 'module' => $row->servertype])->all();
        return ['totalresults' => count($rows), 'products' => ['product' => $rows]];
    }

    private static function doGetServers(): array
    {
        $rows = Capsule::table('tblservers')->orderBy('id')->get();
        return ['servers' => $rows->map(static fn ($row) => ['id' => $row->id, 'name' => $row->name, 'module' => $row->type])->all(), 'fetchStatus' => ''];
    }

    private static function doGetPaymentMethods(): array
    {
        return ['totalresults' => 1, 'paymentmethods' => ['paymentmethod' => [['module' => 'mailin', 'displayname' => 'Bank Transfer']]]];
    }

    private static function doModuleSuspend(array $fields): array
    {
        Services::suspend(self::service($fields), (string) ($fields['suspendreason'] ?? ''));
        return [];
    }

    private static function doModuleUnsuspend(array $fields): array
    {
        Services::unsuspend(self::service($fields));
        return [];
    }

    private static function doModuleTerminate(array $fields): array
    {
        Services::terminate(self::service($fields));
        return [];
    }

    private static function service(array $fields): int
    {
        $service = (int) ($fields['serviceid'] ?? 0);
        if (!Capsule::table('tblhosting')->where('id', $service)->exists()) {
            throw new Refusal('Service ID Not Found');
        }
        return $service;
    }

    private static function doAddBillableItem(array $fields): array
    {
        if (!Capsule::table('tblclients')->where('id', (int) ($fields['clientid'] ?? 0))->exists()) {
            throw new Refusal('Client ID not Found');
        }
        if (!in_array($fields['unit'] ?? '', ['hours', 'quantity'], true)) {
            throw new Refusal("Invalid Unit, please specify either 'hours' or 'quantity'");
        }
        if (!in_array($fields['invoiceaction'] ?? '', ['noinvoice', 'nextcron', 'nextinvoice', 'duedate', 'recur'], true)) {
            throw new Refusal('Invalid Invoice Action');
        }
        $item = Capsule::table('tblbillableitems')->insertGetId([
            'userid' => (int) $fields['clientid'], 'description' => $fields['description'], 'hours' => $fields['quantity'] ?? 1,
            'amount' => $fields['amount'], 'invoiceaction' => $fields['invoiceaction'], 'invoicecount' => 0,
        ]);
        return ['billableid' => (int) $item];
    }

    private static function doGetInvoices(array $fields): array
    {
        $all = Capsule::table('tblinvoices')->where('userid', (int) $fields['userid'])->orderByDesc('id');
        return self::page($fields, $all, 'invoices', 'invoice', static fn ($row) => (array) $row);
    }

    private static function doGetInvoice(array $fields): array
    {
        $invoice = Capsule::table('tblinvoices')->where('id', (int) $fields['invoiceid'])->first();
        if (!$invoice) {
            throw new Refusal('Invoice ID Not Found');
        }
        $items = Capsule::table('tblinvoiceitems')->where('invoiceid', $invoice->id)->orderBy('id')->get(['id', 'type', 'relid', 'description', 'amount']);
        $shown = ['invoiceid' => $invoice->id, 'userid' => $invoice->userid, 'date' => $invoice->date, 'status' => $invoice->status];
        return $shown + ['items' => ['item' => $items->all()]];
    }

    private static function doGetClientsProducts(array $fields): array
    {
        $all = Capsule::table('tblhosting')->orderBy('id');
        foreach (['clientid' => 'userid', 'serviceid' => 'id', 'pid' => 'packageid', 'username2' => 'username', 'domain' => 'domain'] as $field => $column) {
            if (($fields[$field] ?? '') !== '') {
                $all->where($column, $fields[$field]);
            }
        }
        return self::page($fields, $all, 'products', 'product', static fn ($row) => [
            'id' => (string) $row->id, 'orderid' => (string) $row->orderid, 'domain' => $row->domain, 'clientid' => (string) $row->userid, 'pid' => (string) $row->packageid, 'serverid' => (string) $row->server,
            'status' => $row->domainstatus, 'username' => $row->username, 'password' => 'PLAIN-TEXT-HERE', 'regdate' => $row->regdate,
        ]);
    }

    private static function doGetClientsDetails(array $fields): array
    {
        $client = Capsule::table('tblclients')->where('id', (int) $fields['clientid'])->first();
        if (!$client) {
            throw new Refusal('Client Not Found');
        }
        return ['client' => (array) $client + ['defaultgateway' => '', 'email_preferences' => ['product' => '1']]];
    }

    private static function doGetEmailTemplates(array $fields): array
    {
        $rows = Capsule::table('tblemailtemplates')->where('type', $fields['type'] ?? 'product')->where('language', $fields['language'] ?? '');
        return ['emailtemplates' => ['emailtemplate' => $rows->get(['id', 'name', 'subject', 'custom'])->all()]];
    }

    private static function doSendEmail(array $fields): array
    {
        return Mails::send($fields);
    }

    private static function doGetEmails(array $fields): array
    {
        $all = Capsule::table('tblemails')->where('userid', (int) $fields['clientid'])->orderByDesc('id');
        return self::page($fields, $all, 'emails', 'email', static fn ($row) => (array) $row + ['pending' => 0]);
    }

    private static function page(array $fields, $query, string $list, string $one, callable $shape): array
    {
        $start = (int) ($fields['limitstart'] ?? 0);
        $total = (clone $query)->count();
        $rows = $query->skip($start)->take((int) ($fields['limitnum'] ?? self::PAGE))->get()->map($shape)->all();
        return ['totalresults' => $total, 'startnumber' => $start, 'numreturned' => count($rows), $list => [$one => $rows]];
    }
}
